import Foundation
import Generation
import OrderedJSON
import Tokenizers

/// Writes chat completions, whole or in chunks, as OpenAI's API reference shapes them.
struct ChatAnswer {
    let id = "chatcmpl-\(Identifier.random())"
    let created = Int(Date().timeIntervalSince1970)
    let model: String
    let tokenizer: Tokenizer
    let wantsLogprobs: Bool
    private var choices: [Choice]
    private var usage = UsageSum()

    /// What a choice has so far.
    private struct Choice {
        var content = ""
        var reasoning = ""
        var calls: [(id: String, name: String, arguments: String)] = []
        var logprobs: [JSONValue] = []
        var finish: JSONValue = .null
    }

    init(model: LoadedModel, choices: Int, wantsLogprobs: Bool) {
        self.model = model.id
        tokenizer = model.tokenizer
        self.wantsLogprobs = wantsLogprobs
        self.choices = Array(repeating: Choice(), count: choices)
    }

    /// The first chunk of each choice, which names the role.
    var openings: [JSONValue] {
        choices.indices.map { chunk($0, delta: ["role": "assistant", "content": ""]) }
    }

    /// Takes an event in.
    /// - Returns: the chunks that a stream sends for it.
    mutating func take(_ event: ChatRun.Event) -> [JSONValue] {
        switch event {
        case .pieces(let choice, let pieces, let reports):
            let logprobs = wantsLogprobs ? reports.map { LogprobFields.chat($0, tokenizer) } : []
            choices[choice].logprobs += logprobs
            var chunks = pieces.map { chunk(choice, delta: take($0, choice)) }
            if wantsLogprobs, !logprobs.isEmpty {
                // They belong to the pieces together; the first chunk carries them.
                if chunks.isEmpty { chunks = [chunk(choice, delta: [:])] }
                chunks[0] = chunk(
                    choice, delta: chunks[0]["choices"]?.array?.first?["delta"] ?? [:], logprobs: logprobs)
            }
            return chunks
        case .finished(let choice, let reason, let used, let reasoningTokens):
            usage.add(used, reasoningTokens: reasoningTokens)
            let isCall = reason == .stop && !choices[choice].calls.isEmpty
            choices[choice].finish = .string(isCall ? "tool_calls" : reason == .length ? "length" : "stop")
            return [chunk(choice, delta: [:], finish: choices[choice].finish)]
        }
    }

    private mutating func take(_ piece: AnswerPiece, _ choice: Int) -> JSONValue {
        switch piece {
        case .content(let text):
            choices[choice].content += text
            return ["content": .string(text)]
        case .reasoning(let text):
            choices[choice].reasoning += text
            return ["reasoning_content": .string(text)]
        case .toolCall(let index, let name):
            let id = "call_\(Identifier.random())"
            choices[choice].calls.append((id, name, ""))
            return Self.callDelta(
                index, ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": ""]])
        case .toolArguments(let index, let text):
            if choices[choice].calls.indices.contains(index) { choices[choice].calls[index].arguments += text }
            return Self.callDelta(index, ["function": ["arguments": .string(text)]])
        }
    }

    private static func callDelta(_ index: Int, _ members: JSONObject) -> JSONValue {
        ["tool_calls": [.object(JSONObject([("index", .integer(index))] + members.entries.map { ($0.key, $0.value) }))]]
    }

    private func chunk(_ choice: Int, delta: JSONValue, finish: JSONValue = .null, logprobs: [JSONValue]? = nil)
        -> JSONValue
    {
        [
            "id": .string(id), "object": "chat.completion.chunk", "created": .integer(created), "model": .string(model),
            "choices": [
                [
                    "index": .integer(choice), "delta": delta,
                    "logprobs": logprobs.map { ["content": .array($0), "refusal": .null] } ?? .null,
                    "finish_reason": finish,
                ]
            ],
        ]
    }

    /// The chunk with nothing but the usage, for those who asked for it.
    var usageChunk: JSONValue {
        [
            "id": .string(id), "object": "chat.completion.chunk", "created": .integer(created), "model": .string(model),
            "choices": [], "usage": usage.json,
        ]
    }

    /// The whole answer.
    var whole: JSONValue {
        [
            "id": .string(id), "object": "chat.completion", "created": .integer(created), "model": .string(model),
            "choices": .array(choices.enumerated().map { index, choice in json(choice, index: index) }),
            "usage": usage.json,
        ]
    }

    private func json(_ choice: Choice, index: Int) -> JSONValue {
        var message: JSONObject = [
            "role": "assistant",
            "content": choice.content.isEmpty && !choice.calls.isEmpty ? .null : .string(choice.content),
            "refusal": .null,
        ]
        if !choice.reasoning.isEmpty { message["reasoning_content"] = .string(choice.reasoning) }
        if !choice.calls.isEmpty {
            message["tool_calls"] = .array(
                choice.calls.map { call in
                    [
                        "id": .string(call.id), "type": "function",
                        "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
                    ]
                })
        }
        return [
            "index": .integer(index), "message": .object(message),
            "logprobs": wantsLogprobs ? ["content": .array(choice.logprobs), "refusal": .null] : .null,
            "finish_reason": choice.finish,
        ]
    }
}

/// Adds up the usage of a request's choices; the prompt counts once.
struct UsageSum {
    private var prompt = 0
    private var cached = 0
    private var completion = 0
    private var reasoning = 0

    /// - Parameter isNewPrompt: whether the usage belongs to a prompt that wasn't counted yet.
    mutating func add(_ usage: GenerationUsage, reasoningTokens: Int = 0, isNewPrompt: Bool? = nil) {
        if isNewPrompt ?? (prompt == 0) {
            prompt += usage.promptTokens
            cached += usage.cachedTokens
        }
        completion += usage.completionTokens
        reasoning += reasoningTokens
    }

    var json: JSONValue {
        [
            "prompt_tokens": .integer(prompt), "completion_tokens": .integer(completion),
            "total_tokens": .integer(prompt + completion), "prompt_tokens_details": ["cached_tokens": .integer(cached)],
            "completion_tokens_details": ["reasoning_tokens": .integer(reasoning)],
        ]
    }
}

/// Random names for answers and calls.
enum Identifier {
    static func random() -> String {
        (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
    }
}
