import Generation
package import HTTPTypes
import Hummingbird
import Mesh
import NIOCore
import OrderedJSON
import Providers

/// An error as clients see it: OpenAI's envelope `{"error":{"message","type","param","code"}}`, on every path.
package struct APIError: Error {
    package let status: HTTPResponse.Status
    package let message: String
    let type: String
    var param: String?
    package var code: String?
    package var headers: HTTPFields = [:]
    /// Members beside `error`.
    var extra = JSONObject()

    /// A request that can't be understood or isn't permitted to say what it says.
    static func invalid(_ message: String, param: String? = nil, code: String? = nil) -> APIError {
        APIError(status: .badRequest, message: message, type: "invalid_request_error", param: param, code: code)
    }

    /// The same status whatever was wrong with the key, so that nothing can be learned from it.
    static let unauthorized = APIError(
        status: .unauthorized, message: "a valid API key is needed: send it as 'Authorization: Bearer <key>'",
        type: "authentication_error", code: "invalid_api_key")

    /// The object under `error`.
    var envelope: JSONValue {
        [
            "message": .string(message), "type": .string(type), "param": param.map { .string($0) } ?? .null,
            "code": code.map { .string($0) } ?? .null,
        ]
    }

    var response: Response {
        var object = JSONObject([("error", envelope)])
        for (key, value) in extra.entries { object[key] = value }
        return .json(.object(object), status: status, headers: headers)
    }
}

extension APIError {
    /// The table of codes: what each room's errors are called outside.
    package init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as PolicyError: self.init(error)
        case let error as ModelHostError: self.init(error)
        case let error as MeshError: self.init(error)
        case let error as EngineError: self.init(error)
        case let error as GrammarError:
            self = .invalid(
                "the schema can't be used at '\(error.path)': \(error.reason)", param: "response_format",
                code: "invalid_schema")
        case let error as JSONError: self = .invalid("the body is no JSON that is taken here: \(error)")
        case is CancellationError:
            self.init(
                status: .serviceUnavailable, message: "the request was called off; send it again", type: "server_error",
                code: "cancelled", headers: [.retryAfter: "1"])
        case let error as HTTPError:
            self.init(
                status: error.status, message: error.body ?? error.status.reasonPhrase,
                type: Self.type(of: error.status))
        default:
            // Nothing of an unexpected error goes out: its text may hold paths.
            self.init(
                status: .internalServerError, message: "the server failed at this request; its log says more",
                type: "server_error")
        }
    }

    private init(_ error: PolicyError) {
        switch error {
        case .unknownMode:
            self.init(
                status: .unprocessableContent, message: "\(error)", type: "invalid_request_error",
                param: "x-hybrie-execution-mode")
        case .refused(_, let rule):
            self.init(status: .forbidden, message: "\(error)", type: "permission_error", code: rule)
        case .unknownProvider:
            self.init(status: .badRequest, message: "\(error)", type: "invalid_request_error")
        }
    }

    private init(_ error: ModelHostError) {
        switch error {
        case .unknown, .noModels:
            self.init(
                status: .notFound, message: "\(error)", type: "invalid_request_error", param: "model",
                code: "model_not_found")
        case .loading(_, let progress):
            self.init(
                status: .serviceUnavailable, message: "\(error)", type: "server_error", code: "model_loading",
                headers: [.retryAfter: "\(min(60, max(1, Int(progress.etaSeconds ?? 2))))"])
            extra["loading"] = [
                "state": "loading", "progress": .number(progress.fraction), "bytes": .integer(progress.bytes),
                "total_bytes": .integer(progress.totalBytes),
                "eta_seconds": progress.etaSeconds.map { .number($0) } ?? .null,
            ]
        case .failed(let id, let reason):
            // Lasting: clients retry 5xx by themselves unless told not to.
            self.init(
                status: .internalServerError, message: "the model '\(id)' can't be loaded: \(reason)",
                type: "server_error",
                code: "model_load_failed", headers: [.shouldRetry: "false"])
        }
    }

    private init(_ error: MeshError) {
        // None of these is mended by sending the same again at once, and clients would do so by themselves.
        let status: HTTPResponse.Status
        var param: String?
        switch error {
        case .badAddress: (status, param) = (.badRequest, "node")
        case .refusedAddress, .off: (status, param) = (.forbidden, "node")
        case .unknownPeer, .noSource, .otherModel: status = .notFound
        case .badDescriptor: status = .unprocessableContent
        case .unreachable, .badAnswer, .refused: status = .badGateway
        case .damagedKey, .storage, .heldBy: status = .internalServerError
        }
        self.init(
            status: status, message: "\(error)", type: Self.type(of: status), param: param, code: error.code,
            headers: [.shouldRetry: "false"])
    }

    private init(_ error: EngineError) {
        switch error {
        case .queueFull:
            self.init(
                status: .tooManyRequests, message: "\(error)", type: "rate_limit_error", code: "queue_full",
                headers: [.retryAfter: "1"])
        case .contextExceeded:
            self = .invalid("\(error)", param: "messages", code: "context_length_exceeded")
        case .badPrompt(let reason): self = .invalid(reason, param: "prompt")
        case .constraintFailed:
            // The same request would fail again, so that clients shall not repeat it by themselves.
            self.init(
                status: .internalServerError, message: "\(error)", type: "server_error", code: "constraint_failed",
                headers: [.shouldRetry: "false"])
        case .stopped:
            self.init(
                status: .serviceUnavailable, message: "\(error)", type: "server_error", headers: [.retryAfter: "5"])
        }
    }

    static func type(of status: HTTPResponse.Status) -> String {
        switch status.code {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "invalid_request_error"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        default: "server_error"
        }
    }
}

extension HTTPField.Name {
    // Names that are tokens by RFC 9110, so that the initialiser can't fail.
    static let requestID = HTTPField.Name("x-request-id") ?? .via
    static let shouldRetry = HTTPField.Name("x-should-retry") ?? .via
    static let warnings = HTTPField.Name("x-hybrie-warning") ?? .via
    static let selectedMode = HTTPField.Name("x-hybrie-selected-mode") ?? .via
    static let selectedBackend = HTTPField.Name("x-hybrie-selected-backend") ?? .via
    static let adapterID = HTTPField.Name("x-hybrie-adapter-id") ?? .via
    static let node = HTTPField.Name(PeerClient.nodeHeader) ?? .via
    static let mesh = HTTPField.Name(MeshSecret.headerName) ?? .via
    static let executionMode = HTTPField.Name("x-hybrie-execution-mode") ?? .via
}

extension Response {
    /// A JSON answer.
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        let bytes = value.serializedBytes
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.contentLength] = "\(bytes.count)"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
