import Generation
import OrderedJSON
import Tokenizers

/// Log-probabilities as the two completion routes shape them.
enum LogprobFields {
    /// JSON has no infinity; this stands for a token that can't come.
    private static let impossible: Float = -9999

    /// One element of `logprobs.content` of a chat completion.
    static func chat(_ report: TokenReport, _ tokenizer: Tokenizer) -> JSONValue {
        var object = entry(report.id, report.logprob ?? 0, tokenizer)
        object["top_logprobs"] = .array(report.top.map { .object(entry($0.id, $0.logprob, tokenizer)) })
        return .object(object)
    }

    private static func entry(_ id: Int32, _ logprob: Float, _ tokenizer: Tokenizer) -> JSONObject {
        let bytes = tokenizer.bytes(of: Int(id))
        return [
            "token": .string(String(decoding: bytes, as: UTF8.self)),
            "logprob": .number(Double(max(logprob, impossible))),
            "bytes": .array(bytes.map { .integer(Int($0)) }),
        ]
    }

    /// `logprobs` of a text completion: parallel lists over its tokens.
    /// - Parameter offset: characters of the text that stand before the first token.
    static func completion(_ reports: [TokenReport], _ tokenizer: Tokenizer, offset: Int) -> JSONValue {
        var tokens: [JSONValue] = []
        var offsets: [JSONValue] = []
        var place = offset
        for report in reports {
            let text = self.text(report.id, tokenizer)
            tokens.append(.string(text))
            offsets.append(.integer(place))
            place += text.unicodeScalars.count
        }
        return [
            "tokens": .array(tokens),
            "token_logprobs": .array(reports.map { $0.logprob.map { .number(Double(max($0, impossible))) } ?? .null }),
            "top_logprobs": .array(
                reports.map { report in
                    guard report.logprob != nil else { return .null }
                    return .object(
                        JSONObject(
                            report.top.reversed().map {
                                (text($0.id, tokenizer), .number(Double(max($0.logprob, impossible))))
                            }))
                }),
            "text_offset": .array(offsets),
        ]
    }

    private static func text(_ id: Int32, _ tokenizer: Tokenizer) -> String {
        String(decoding: tokenizer.bytes(of: Int(id)), as: UTF8.self)
    }
}
