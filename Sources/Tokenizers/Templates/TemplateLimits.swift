/// What one rendering may use; checked as it runs, so that no template stops the others.
public struct TemplateLimits: Sendable {
    /// Statements, expressions and elements worked on.
    public var steps = 1_000_000
    /// Bytes of the result.
    public var outputBytes = 4 << 20
    /// Bytes of any one string.
    public var stringBytes = 4 << 20
    /// Bytes read and written by all string operations together.
    public var workBytes = 256 << 20
    /// Macros, recursive loops and `caller` inside each other.
    public var callDepth = 64
    /// Statements and expressions inside each other, calls included.
    public var nesting = 256
    /// Lists and mappings inside each other.
    public var valueDepth = 160

    /// The usual limits.
    public static let `default` = TemplateLimits()

    /// The usual limits, to be changed.
    public init() {}
}
