import Generation
import HTTPTypes
import Hummingbird
import Mesh
import NIOCore
import OrderedJSON
import Providers

/// `/health`, `/v1/health`, `/metrics`, `/openapi.json`.
struct HealthRoutes: Sendable {
    let state: ServerState
    let traffic: MeshTraffic?

    func add(to router: Router<ConnectionContext>) {
        router.get("/health") { _, _ in await health(detailed: false) }
        router.get("/v1/health") { _, _ in await health(detailed: true) }
        router.get("/metrics") { _, _ in await metrics() }
        router.get("/openapi.json") { _, _ in Response.json(OpenAPI.document(version: state.options.version)) }
    }

    private func health(detailed: Bool) async -> Response {
        let models = await state.models.loaded
        let isAlive = models.allSatisfy { $0.engine.isAlive() }
        var object: JSONObject = ["status": .string(isAlive ? "ok" : "error")]
        if detailed {
            object["version"] = .string(state.options.version)
            object["models"] = .array(models.map { ["id": .string($0.id), "alive": .bool($0.engine.isAlive())] })
        }
        return .json(.object(object), status: isAlive ? .ok : .serviceUnavailable)
    }

    private func metrics() async -> Response {
        var text = MetricsText()
        for model in await state.models.loaded { text.add(model) }
        if let traffic { text.add(traffic) }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text.rendered)))
    }
}
