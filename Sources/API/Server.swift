import Generation
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
public import Mesh
import NIOCore
import OrderedJSON
public import Providers
public import ServiceLifecycle

/// What the HTTP side is told at its start.
public struct ServerOptions: Sendable {
    /// Address to listen on.
    public var host: String
    /// Port to listen on; 0: any free one.
    public var port: Int
    /// The key that every request must carry; none on loopback without one.
    public var apiKey: String?
    /// What other nodes may sign their requests with instead.
    public var meshSecret: MeshSecret?
    /// How much of its weights it sends to others.
    public var uploads = UploadLimits()
    /// Names besides loopback's under which browsers may reach the server.
    public var allowedHosts: [String] = []
    /// How long clients may take.
    public var times = ConnectionTimes()
    /// Connections that may be open at once; further ones wait until one of them is closed.
    public var connections = 1024
    /// Version of the program, for `/health`.
    public var version: String

    /// Options for an address.
    public init(host: String, port: Int, apiKey: String?, version: String) {
        self.host = host
        self.port = port
        self.apiKey = apiKey
        self.version = version
    }

    /// Whether only this machine can connect.
    public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

/// The OpenAI-compatible server.
public struct Server: Service {
    private let application: Application<RouterResponder<ConnectionContext>>

    /// A server over `models`.
    /// - Parameters:
    ///   - mesh: this node among others, if it takes part.
    ///   - onListening: told the port once it is open.
    public init(
        options: ServerOptions, models: ModelHost, policy: InferencePolicy, mesh: MeshNode? = nil, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        let state = ServerState(options: options, models: models, policy: policy, logger: logger)
        let router = Router(context: ConnectionContext.self)
        router.add(middleware: ErrorEnvelope(logger: logger))
        router.add(middleware: HeaderSize())
        router.add(middleware: OriginCheck(options: options))
        router.add(middleware: KeyCheck(key: options.apiKey, secret: options.meshSecret))
        HealthRoutes(state: state, traffic: mesh?.traffic).add(to: router)
        ModelRoutes(state: state).add(to: router)
        ChatRoute(state: state).add(to: router)
        CompletionRoute(state: state).add(to: router)
        EmbeddingRoute(state: state).add(to: router)
        TokenRoutes(state: state).add(to: router)
        if let mesh {
            let gate = UploadGate(options.uploads) {
                await models.loaded.contains { $0.engine.statistics.running > 0 }
            }
            PeerRoutes(state: state, mesh: mesh, gate: gate).add(to: router)
            HubRoutes(mesh: mesh, gate: gate, patience: options.times.write).add(to: router)
        }
        application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionDeadline(options.times), ClientWatch()],
                    idleTimeout: TimeAmount(options.times.idle),
                    // Above what HeaderSize refuses, so that most clients see why.
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 256 << 10, maxHeaderListSize: 256 << 10, maxHeaderFieldCount: 4096))),
            configuration: .init(
                address: .hostname(options.host, port: options.port), serverName: "hybrie", backlog: 1024,
                // Without a descriptor left it would try to accept without pause, and models couldn't be opened.
                availableConnectionsDelegate: MaximumAvailableConnections(options.connections)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? options.port) },
            logger: logger
        )
    }

    /// Serves until the task or the service group ends it.
    public func run() async throws { try await application.run() }
}

/// What all routes share.
struct ServerState: Sendable {
    let options: ServerOptions
    let models: ModelHost
    let policy: InferencePolicy
    let logger: Logger

    /// The body as a JSON object.
    /// - Throws: 413 while reading if it is too long, 400 if it is no JSON object.
    func body(of request: inout Request) async throws -> JSONObject {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > RequestLimits.bodyBytes {
            throw Self.tooLarge
        }
        let buffer: ByteBuffer
        do {
            buffer = try await request.collectBody(upTo: RequestLimits.bodyBytes)
        } catch is NIOTooManyBytesError {
            throw Self.tooLarge
        } catch {
            // Chunks of no size that can be, a client that left: in any case nothing that the server did.
            throw Self.unreadable
        }
        let value = try JSONValue(parsing: Array(buffer.readableBytesView), limits: .request)
        guard let object = value.object else {
            throw APIError.invalid("the body must be a JSON object, not \(value.kind)")
        }
        return object
    }

    private static let unreadable = APIError.invalid("the body can't be read to its end")
    private static let tooLarge = APIError(
        status: .contentTooLarge, message: "the body may have \(RequestLimits.bodyBytes >> 20) MiB",
        type: "invalid_request_error")

    /// The model that a request names, if policy lets it run here.
    func model(for object: JSONObject, _ request: Request) async throws -> LoadedModel {
        let name = object["model"]
        if let name, !name.isNull, name.string == nil { throw Fields.wrong("model", name, expected: "a string") }
        if let adapter = request.headers[.adapterID], !adapter.isEmpty {
            throw APIError.invalid("there are no adapters on this server", param: "x-hybrie-adapter-id")
        }
        let (mode, id) = try ExecutionMode.of(model: name?.string ?? "", header: request.headers[.executionMode])
        try policy.check(mode)
        return try await models.model(id.isEmpty ? nil : id)
    }

    /// The headers of an answer that inference gave.
    func headers(unused: [String]) -> HTTPFields {
        var headers: HTTPFields = [.selectedMode: "local", .selectedBackend: "local"]
        // Names from outside go into a header only if they can't break it.
        let names = unused.prefix(32).filter {
            $0.utf8.count <= 64 && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2C }
        }
        if !unused.isEmpty { headers[.warnings] = "ignored: \(names.joined(separator: ", "))" }
        return headers
    }
}
