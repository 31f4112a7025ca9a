import OrderedJSON

/// The shapes that ``OpenAPI`` refers to; ranges are those that requests are checked against.
enum OpenAPISchemas {
    static var all: JSONObject {
        [
            "Error": object(
                [
                    "error": object(
                        ["message": string, "type": string, "param": optional(string), "code": optional(string)],
                        ["message", "type"])
                ],
                ["error"]),
            "Health": object(
                ["status": ["enum": ["ok", "error"]], "version": string, "models": array(["type": "object"])],
                ["status"]),
            "Model": object(
                [
                    "id": string, "object": ["const": "model"], "created": integer, "owned_by": string,
                    "state": ["enum": ["unloaded", "loading", "loaded", "failed"]], "context_length": integer,
                    "progress": number,
                ], ["id", "object", "created", "owned_by"]),
            "ModelList": object(
                ["object": ["const": "list"], "data": array(["$ref": "#/components/schemas/Model"])],
                ["object", "data"]),
            "ChatRequest": object(merged(sampling, chat), ["messages"]),
            "CompletionRequest": object(merged(sampling, completion), ["prompt"]),
            "ChatCompletion": completionAnswer("chat.completion"), "Completion": completionAnswer("text_completion"),
            "EmbeddingRequest": object(
                [
                    "model": string, "input": texts, "encoding_format": ["enum": ["float", "base64"]],
                    "dimensions": ["type": "integer", "minimum": 1],
                ], ["input"]),
            "EmbeddingList": object(
                ["object": ["const": "list"], "data": array(["type": "object"]), "usage": ["type": "object"]], ["data"]),
            "Peer": object(
                [
                    "id": string, "name": string, "addresses": array(string), "port": integer, "version": string,
                    "platform": string, "devices": array(string),
                    "models": array(
                        object(["id": string, "digest": string, "bytes": integer], ["id", "digest", "bytes"])),
                    "status": ["enum": ["online", "suspect", "offline"]], "source": optional(string),
                    "first_seen": integer, "last_seen": ["type": ["integer", "null"]],
                    "rtt_ms": ["type": ["number", "null"]],
                    "error": optional(string),
                ], ["id", "name", "addresses", "port", "status"]),
            "PeerList": object(
                ["self": ["$ref": "#/components/schemas/Peer"], "peers": array(["$ref": "#/components/schemas/Peer"])],
                ["self", "peers"]),
            "RegisterRequest": object(["node": string], ["node"]),
            "SyncRequest": object(["model": string], ["model"]),
            "TokenizeRequest": object(
                [
                    "model": string, "prompt": string, "messages": array(["type": "object"]),
                    "add_special_tokens": boolean,
                ], []),
            "Tokens": object(
                ["tokens": array(integer), "count": integer, "max_model_len": integer], ["tokens", "count"]),
            "DetokenizeRequest": object(["model": string, "tokens": array(integer)], ["tokens"]),
            "Detokenized": object(["prompt": string], ["prompt"]),
        ]
    }

    private static let string: JSONValue = ["type": "string"]
    private static let integer: JSONValue = ["type": "integer"]
    private static let number: JSONValue = ["type": "number"]
    private static let boolean: JSONValue = ["type": "boolean"]
    private static let texts: JSONValue = [
        "anyOf": [string, array(string), array(integer), array(array(integer))]
    ]

    private static func array(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }
    private static func optional(_ schema: JSONValue) -> JSONValue { ["anyOf": [schema, ["type": "null"]]] }
    private static func range(_ type: JSONValue, _ low: JSONValue, _ high: JSONValue) -> JSONValue {
        ["type": type, "minimum": low, "maximum": high]
    }
    private static func object(_ properties: JSONObject, _ required: [JSONValue]) -> JSONValue {
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { schema["required"] = .array(required) }
        return .object(schema)
    }
    private static func merged(_ first: JSONObject, _ second: JSONObject) -> JSONObject {
        JSONObject((first.entries + second.entries).map { ($0.key, $0.value) })
    }

    private static var sampling: JSONObject {
        [
            "model": string, "temperature": range("number", 0, 2), "top_p": range("number", 0, 1),
            "top_k": range("integer", -1, 2_147_483_648),
            "min_p": range("number", 0, 1), "repetition_penalty": range("number", 0.01, 10),
            "frequency_penalty": range("number", -2, 2),
            "presence_penalty": range("number", -2, 2), "seed": integer,
            "logit_bias": ["type": "object", "additionalProperties": range("number", -100, 100)],
            "max_tokens": ["type": "integer", "minimum": 1], "min_tokens": ["type": "integer", "minimum": 0],
            "stop": [
                "anyOf": [string, ["type": "array", "items": ["type": "string", "maxLength": 256], "maxItems": 16]]
            ],
            "stop_token_ids": array(integer), "ignore_eos": boolean, "n": range("integer", 1, 16), "stream": boolean,
            "stream_options": object(["include_usage": boolean], []),
        ]
    }

    private static var chat: JSONObject {
        [
            "messages": ["type": "array", "items": ["type": "object"], "minItems": 1, "maxItems": 4096],
            "max_completion_tokens": ["type": "integer", "minimum": 1], "logprobs": boolean,
            "top_logprobs": range("integer", 0, 20),
            "tools": ["type": "array", "items": ["type": "object"], "maxItems": 128],
            "tool_choice": ["anyOf": [["enum": ["none", "auto", "required"]], ["type": "object"]]],
            "parallel_tool_calls": boolean,
            "response_format": object(["type": ["enum": ["text", "json_object", "json_schema"]]], ["type"]),
            "enable_thinking": boolean,
            "thinking_mode": ["enum": ["auto", "force", "on", "enabled", "disable", "off", "disabled"]],
            "reasoning_effort": ["enum": ["none", "minimal", "low", "medium", "high", "xhigh"]],
            "chat_template_kwargs": ["type": "object"],
        ]
    }

    private static var completion: JSONObject {
        ["prompt": texts, "echo": boolean, "logprobs": range("integer", 0, 20)]
    }

    private static func completionAnswer(_ kind: JSONValue) -> JSONValue {
        object(
            [
                "id": string, "object": ["const": kind], "created": integer, "model": string,
                "choices": array(["type": "object"]),
                "usage": object(["prompt_tokens": integer, "completion_tokens": integer, "total_tokens": integer], []),
            ], ["id", "object", "created", "model", "choices"])
    }
}
