import API
import Checkpoints
import Foundation
import Generation
import OrderedJSON
import TOMLReader
import Tokenizers

/// A parser under fuzz: good inputs to start from, and a call that says whether a damaged one was taken.
struct Target: Sendable {
    let name: String
    let samples: @Sendable () -> [[UInt8]]
    let takes: @Sendable ([UInt8]) -> Bool

    static let all = [
        Target(name: "gguf", samples: { [file("lm/qwen3/model-Q4_0.gguf").prefix(60_000)].map(Array.init) }) { bytes in
            (try? Checkpoint(ggufBytes: bytes, name: "fuzz.gguf")) != nil
        },
        Target(name: "safetensors", samples: { [Array(file("lm/qwen3/model.safetensors").prefix(8192))] }) { bytes in
            (try? SafetensorsFile(bytes: bytes, name: "fuzz.safetensors")) != nil
        },
        Target(name: "tokenizer", samples: { [file("lm/qwen3/tokenizer.json"), file("lm/llama/tokenizer.json")] }) {
            bytes in
            guard let tokenizer = try? Tokenizer(huggingFaceJSON: bytes) else { return false }
            _ = tokenizer.decode(tokenizer.encode("A text, 123 \u{301}\u{FFFD}."))
            return true
        },
        Target(
            name: "jinja",
            samples: {
                ["Qwen-Qwen3-0.6B", "Qwen3-Coder", "HuggingFaceTB-SmolLM3-3B"].map { file("chat/\($0).jinja") }
            }
        ) { bytes in
            guard let template = try? ChatTemplate(String(decoding: bytes, as: UTF8.self)) else { return false }
            let context: JSONObject = [
                "messages": [["role": "user", "content": "Hi"]], "tools": .null, "add_generation_prompt": true,
            ]
            return (try? template.renderSegments(context, now: Date(timeIntervalSince1970: 0))) != nil
        },
        Target(name: "chat", samples: { [Array(chat.utf8)] }) { bytes in ChatRequestCheck.takes(bytes) },
        Target(name: "schema", samples: { schemas.map { Array($0.utf8) } }) { bytes in
            guard let schema = try? JSONValue(parsing: bytes) else { return false }
            return (try? Grammar(schema: schema)) != nil
        },
        Target(name: "toml", samples: { [Array(toml.utf8)] }) { bytes in
            guard let text = String(validating: bytes, as: UTF8.self) else { return false }
            return (try? TOMLDocument.parse(text)) != nil
        },
        // Must be found: shows that a trap is noticed.
        Target(name: "canary", samples: { [Array("canary".utf8)] }) { bytes in
            precondition(!bytes.contains(0xFF), "the canary is dead")
            return true
        },
    ]

    private static func file(_ name: String) -> [UInt8] {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Tests/Fixtures/golden/\(name)")
        return (try? Data(contentsOf: url)).map { [UInt8]($0) } ?? []
    }

    private static let chat = """
        {"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"é"}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c","content":"1"}],"temperature":0.5,"top_p":0.9,"n":2,"stop":["a","b"],"seed":-1,
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],
        "tool_choice":"auto","logit_bias":{"1":5},"logprobs":true,"top_logprobs":2,"stream":true,
        "stream_options":{"include_usage":true},"response_format":{"type":"json_object"},"chat_template_kwargs":{}}
        """

    private static let schemas = [
        """
        {"type":"object","properties":{"a":{"type":"string","pattern":"^[a-z]{1,5}(x|y)?$"},"b":{"enum":[1,"x",null]},
        "c":{"type":"array","items":{"$ref":"#/$defs/n"},"minItems":1,"maxItems":3}},"required":["a"],
        "additionalProperties":false,"$defs":{"n":{"type":"integer","minimum":-5,"maximum":120}}}
        """,
        """
        {"anyOf":[{"type":"string","format":"date-time"},{"type":"number"},{"type":"object","properties":{"next":{"$ref":"#"}}}]}
        """,
    ]

    private static let toml = """
        host = "127.0.0.1"
        port = 8080
        models = ["a", "b"]
        [hybrid]
        cloud_endpoints = ["http://node:8080"]
        """
}
