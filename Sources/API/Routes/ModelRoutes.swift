import Foundation
import Generation
import Hummingbird
import OrderedJSON
import Providers

/// `/v1/models` and what loads and unloads them.
struct ModelRoutes: Sendable {
    let state: ServerState

    func add(to router: Router<ConnectionContext>) {
        router.get("/v1/models") { _, _ in
            Response.json(["object": "list", "data": .array(await state.models.models.map(Self.json))])
        }
        // Names may hold slashes.
        router.get("/v1/models/**") { _, context in
            let id = context.parameters.getCatchAll().joined(separator: "/")
            guard let model = await state.models.models.first(where: { $0.id == Self.decoded(id) }) else {
                throw ModelHostError.unknown(String(id.prefix(128)), known: [])
            }
            return Response.json(Self.json(model))
        }
        router.post("/v1/models/**") { _, context in
            let path = context.parameters.getCatchAll()
            let id = Self.decoded(path.dropLast().joined(separator: "/"))
            switch path.last {
            case "load":
                let model = try await state.models.load(id)
                return Response.json(["id": .string(id), "state": "loaded", "plan": Self.json(model.plan)])
            case "unload":
                try await state.models.unload(id)
                return Response.json(["id": .string(id), "state": "unloaded"])
            default: throw HTTPError(.notFound)
            }
        }
    }

    private static func decoded(_ id: String) -> String { id.removingPercentEncoding ?? id }

    private static func json(_ model: ModelSummary) -> JSONValue {
        var object: JSONObject = [
            "id": .string(model.id), "object": "model", "created": .integer(model.created), "owned_by": "hybrie",
        ]
        switch model.state {
        case .unloaded: object["state"] = "unloaded"
        case .loading(let status):
            object["state"] = "loading"
            object["progress"] = .number(status.fraction)
        case .loaded(let plan):
            object["state"] = "loaded"
            object["context_length"] = .integer(plan.contextTokens)
        case .failed: object["state"] = "failed"
        }
        return .object(object)
    }

    private static func json(_ plan: MemoryPlan) -> JSONValue {
        [
            "weight_bytes": .integer(plan.weightBytes), "cache_bytes_per_token": .integer(plan.cacheBytesPerToken),
            "cache_tokens": .integer(plan.cacheTokens), "context_tokens": .integer(plan.contextTokens),
            "total_bytes": .integer(plan.totalBytes),
        ]
    }
}
