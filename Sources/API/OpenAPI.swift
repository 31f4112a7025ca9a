import OrderedJSON

/// The description of the routes that `/openapi.json` gives (OpenAPI 3.1).
enum OpenAPI {
    static func document(version: String) -> JSONValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "HybrIE", "version": .string(version),
                "description": "An OpenAI-compatible API over models that run on this machine.",
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]], "security": [["bearer": []], [:]], "paths": .object(paths),
            "components": [
                "securitySchemes": ["bearer": ["type": "http", "scheme": "bearer"]],
                "schemas": .object(OpenAPISchemas.all),
            ],
        ]
    }

    private static var paths: JSONObject {
        [
            "/health": ["get": get("Whether the server and its engines are alive.", "Health", failure: "503")],
            "/v1/health": ["get": get("The same, with version and models.", "Health", failure: "503")],
            "/metrics": [
                "get": [
                    "summary": "Counters for Prometheus.",
                    "responses": ["200": ["description": "Text format 0.0.4.", "content": ["text/plain": [:]]]],
                ]
            ],
            "/openapi.json": ["get": get("This document.", nil)],
            "/v1/models": ["get": get("The models of this machine.", "ModelList")],
            "/v1/models/{model}": ["parameters": [modelParameter], "get": get("One model.", "Model", failure: "404")],
            "/v1/models/{model}/load": [
                "parameters": [modelParameter], "post": post("Loads a model and waits for it.", nil, nil),
            ],
            "/v1/models/{model}/unload": [
                "parameters": [modelParameter], "post": post("Takes a model out of memory.", nil, nil),
            ],
            "/v1/chat/completions": [
                "post": post("Answers a conversation.", "ChatRequest", "ChatCompletion", streams: true)
            ],
            "/v1/completions": ["post": post("Continues a text.", "CompletionRequest", "Completion", streams: true)],
            "/v1/embeddings": ["post": post("Vectors of texts.", "EmbeddingRequest", "EmbeddingList")],
            "/v1/tokenize": ["post": post("Tokens of a text or a conversation.", "TokenizeRequest", "Tokens")],
            "/v1/peers": ["get": get("This node and those that it knows.", "PeerList")],
            "/v1/peers/register": [
                "post": post("Dials a node, checks its descriptor and knows it from now on.", "RegisterRequest", nil)
            ],
            "/v1/peers/{id}": [
                "parameters": [["name": "id", "in": "path", "required": true, "schema": ["type": "string"]]],
                "delete": get("Forgets a node until it is registered again.", nil, failure: "404"),
            ],
            "/v1/peers/sync": [
                "post": post("Asks all nodes that are online to take a model of this one.", "SyncRequest", nil)
            ],
            "/v1/detokenize": ["post": post("The text of tokens.", "DetokenizeRequest", "Detokenized")],
        ]
    }

    private static let modelParameter: JSONValue = [
        "name": "model", "in": "path", "required": true, "schema": ["type": "string"],
    ]

    private static func reference(_ schema: String?) -> JSONValue {
        schema.map { ["$ref": .string("#/components/schemas/\($0)")] } ?? ["type": "object"]
    }

    private static func answer(_ description: JSONValue, _ schema: String?, streams: Bool = false) -> JSONValue {
        var content: JSONObject = ["application/json": ["schema": reference(schema)]]
        if streams { content["text/event-stream"] = ["schema": ["type": "string"]] }
        return ["description": description, "content": .object(content)]
    }

    private static func get(_ summary: JSONValue, _ schema: String?, failure: String? = nil) -> JSONValue {
        var responses: JSONObject = ["200": answer("The answer.", schema), "default": answer("An error.", "Error")]
        if let failure { responses[failure] = answer("An error.", failure == "503" ? schema : "Error") }
        return ["summary": summary, "responses": .object(responses)]
    }

    private static func post(_ summary: JSONValue, _ body: String?, _ schema: String?, streams: Bool = false)
        -> JSONValue
    {
        var responses: JSONObject = ["200": answer("The answer.", schema, streams: streams)]
        for (status, meaning) in [
            ("400", "The request can't be taken; `param` names the field."), ("401", "The key is missing or wrong."),
            ("403", "The policy or the origin forbids it."), ("404", "No such model."),
            ("413", "The body is too long."),
            ("422", "An unknown execution mode."), ("429", "The queue is full; see Retry-After."),
            ("500", "The server failed."), ("503", "The model is being loaded; see Retry-After."),
        ] {
            responses[status] = answer(.string(meaning), "Error")
        }
        var operation: JSONObject = ["summary": summary]
        if let body {
            operation["requestBody"] = ["required": true, "content": ["application/json": ["schema": reference(body)]]]
        }
        operation["responses"] = .object(responses)
        return .object(operation)
    }
}
