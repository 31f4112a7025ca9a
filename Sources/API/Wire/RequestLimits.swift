/// What one request may ask for; the same on every route.
enum RequestLimits {
    static let bodyBytes = 32 << 20
    static let choices = 16
    static let prompts = 64
    static let stops = 16
    static let stopBytes = 256
    static let topLogprobs = 20
    static let messages = 4096
    static let tools = 128
    static let embeddingInputs = 2048
    /// More than any context; keeps sums far from overflow.
    static let tokens = 1 << 31
}
