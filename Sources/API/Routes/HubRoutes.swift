import Foundation
import HTTPTypes
import Hummingbird
import Mesh
import ModelStore
import OrderedJSON

/// The read API of the Hugging Face hub over the models of this node, as `huggingface_hub` and llama.cpp's `-hf` use it:
/// `HF_ENDPOINT=http://node:8080`. A model is the repository `local/<name>`.
struct HubRoutes: Sendable {
    let mesh: MeshNode
    let gate: UploadGate
    let patience: Duration

    func add(to router: Router<ConnectionContext>) {
        let info: @Sendable (Request, ConnectionContext) async throws -> Response = { _, context in
            let model = try await model(context)
            return Response.json(Self.info(model), headers: Self.headers(model))
        }
        router.get("/api/models/local/:name", use: info)
        router.get("/api/models/local/:name/revision/:revision", use: info)
        router.get("/api/models/local/:name/tree/:revision") { _, context in
            let model = try await model(context)
            return Response.json(.array(model.files.map(Self.entry)), headers: Self.headers(model))
        }
        // llama.cpp asks by this which commit it shall take.
        router.get("/api/models/local/:name/refs") { _, context in
            let model = try await model(context)
            return Response.json([
                "branches": [
                    ["name": "main", "ref": "refs/heads/main", "targetCommit": .string(model.commit)]
                ],
                "converts": [], "tags": [],
            ])
        }
        let file: @Sendable (Request, ConnectionContext) async throws -> Response = { request, context in
            let model = try await model(context)
            guard let file = model.files.first(where: { $0.name == context.parameters.get("file") }) else {
                throw Self.missing("EntryNotFound")
            }
            var response = try FileAnswer(
                path: file.path, bytes: file.bytes, gate: gate, patience: patience,
                sent: { mesh.traffic.sent($0, to: MeshNode.otherID) }
            ).response(to: request, context)
            for field in Self.headers(model) { response.headers[field.name] = field.value }
            response.headers[.eTag] = "\"\(file.tag)\""
            response.headers[.linkedETag] = "\"\(file.tag)\""
            response.headers[.linkedSize] = "\(file.bytes)"
            return response
        }
        router.get("/local/:name/resolve/:revision/:file", use: file)
        router.head("/local/:name/resolve/:revision/:file", use: file)
        // Older versions of llama.cpp ask first which file of a repository it shall take.
        router.get("/v2/local/:name/manifests/:tag") { _, context in
            let model = try await model(context)
            guard let file = model.files.first(where: { $0.name.hasSuffix(".gguf") }) else {
                throw Self.missing("EntryNotFound")
            }
            return Response.json(["ggufFile": ["rfilename": .string(file.name), "size": .integer(file.bytes)]])
        }
    }

    private func model(_ context: ConnectionContext) async throws -> SharedModels.Listing {
        let name = context.parameters.get("name") ?? ""
        guard let model = await mesh.shared.listing(name.removingPercentEncoding ?? name) else {
            throw Self.missing("RepoNotFound")
        }
        let revision = context.parameters.get("revision") ?? "main"
        // There is one revision of everything: what is here.
        guard revision == "main" || revision == model.commit else { throw Self.missing("RevisionNotFound") }
        return model
    }

    /// The hub says in a header what is missing; its clients tell by it what to raise.
    private static func missing(_ code: String) -> APIError {
        APIError(
            status: .notFound, message: "there is no such thing on this node (\(code))", type: "invalid_request_error",
            code: code, headers: [.errorCode: code])
    }

    private static func headers(_ model: SharedModels.Listing) -> HTTPFields { [.repoCommit: model.commit] }

    private static func info(_ model: SharedModels.Listing) -> JSONValue {
        let id = JSONValue.string("local/\(model.name)")
        return [
            "id": id, "modelId": id, "sha": .string(model.commit), "private": false, "gated": false, "disabled": false,
            "tags": [], "downloads": 0, "likes": 0,
            "siblings": .array(
                model.files.map { ["rfilename": .string($0.name), "size": .integer($0.bytes)] }),
        ]
    }

    private static func entry(_ file: SharedModels.ListedFile) -> JSONValue {
        // What stands for the id of a git blob: clients take nothing that isn't 40 digits.
        let oid = file.tag.dropFirst(FileTag.merklePrefix.count).prefix(40)
        return ["type": "file", "path": .string(file.name), "size": .integer(file.bytes), "oid": .string(String(oid))]
    }
}

extension HTTPField.Name {
    // The hub's own headers; tokens by RFC 9110, so that the initialiser can't fail.
    fileprivate static let repoCommit = HTTPField.Name("x-repo-commit") ?? .via
    fileprivate static let linkedETag = HTTPField.Name("x-linked-etag") ?? .via
    fileprivate static let linkedSize = HTTPField.Name("x-linked-size") ?? .via
    fileprivate static let errorCode = HTTPField.Name("x-error-code") ?? .via
}
