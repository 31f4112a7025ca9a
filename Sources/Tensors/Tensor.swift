/// A dense array of f32 activations, outermost dimension first; immutable once an operation has returned it.
public struct Tensor: Sendable {
    /// Sizes, outermost first; an activation is `[tokens, width]`.
    public let shape: [Int]
    let storage: FloatStorage

    init(shape: [Int], storage: FloatStorage) {
        precondition(shape.reduce(1, *) <= storage.capacity, "the storage must hold the shape")
        self.shape = shape
        self.storage = storage
    }

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }
    /// Size of the outermost dimension.
    public var rows: Int { shape.first ?? 1 }
    /// Elements of one row: the product of all but the outermost size.
    public var width: Int { shape.dropFirst().reduce(1, *) }

    /// A copy of all elements in order.
    public var floats: [Float] { withFloats { Array($0) } }

    /// Gives `body` the elements in place.
    public func withFloats<R>(_ body: (Span<Float>) throws -> R) rethrows -> R {
        try unsafe body(UnsafeBufferPointer(start: storage.base, count: count).span)
    }
}

extension Array where Element == Float {
    /// A copy of `span`.
    public init(_ span: Span<Float>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
    }
}

/// Aligned memory of a tensor; goes back to its pool when the last tensor over it is gone.
///
/// `@unchecked Sendable`: written only by the operation that makes it, before anyone else sees it.
@safe final class FloatStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int
    private let pool: FloatPool

    init(base: UnsafeMutablePointer<Float>, capacity: Int, pool: FloatPool) {
        unsafe self.base = unsafe base
        self.capacity = capacity
        self.pool = pool
    }

    deinit { unsafe pool.putBack(base, capacity: capacity) }
}
