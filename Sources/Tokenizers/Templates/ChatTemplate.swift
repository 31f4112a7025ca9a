public import Foundation
public import OrderedJSON

/// A chat template: the Jinja text that turns messages into a prompt. Parsed once, rendered often, from any thread.
///
/// The language is that of Jinja 3.1 as `transformers` runs it: `trim_blocks`, `lstrip_blocks`, loop controls,
/// `generation`, its `tojson`, `raise_exception` and `strftime_now`. Nothing of the program can be reached from it.
public struct ChatTemplate: Sendable {
    private let body: [TemplateStatement]
    private let names: [String]

    /// Parses a template.
    /// - Throws: ``TemplateError/syntax(line:reason:)``.
    public init(_ source: String) throws(TemplateError) {
        var parser = try TemplateParser(source)
        body = try parser.parse()
        names = parser.names
    }

    /// The prompt for the variables in `context`.
    /// - Parameters:
    ///   - context: `messages`, `tools`, `add_generation_prompt` and whatever else the template asks for.
    ///   - specialTokens: variables such as `bos_token`; they win over `context`.
    ///   - limits: what the rendering may use.
    ///   - now: what `strftime_now` shows, in UTC; shift it by the zone's offset for local time.
    /// - Returns: the text to encode.
    /// - Throws: ``TemplateError``.
    public func render(
        _ context: JSONObject, specialTokens: [String: String] = [:], limits: TemplateLimits = .default, now: Date
    ) throws(TemplateError) -> String {
        try rendered(context, specialTokens, limits, now).string
    }

    /// The prompt in pieces: `isMarkup` where the template itself or a special token wrote it, false for everything
    /// that came out of `context`, through whatever operations; see ``render(_:specialTokens:limits:now:)``.
    public func renderSegments(
        _ context: JSONObject, specialTokens: [String: String] = [:], limits: TemplateLimits = .default, now: Date
    ) throws(TemplateError) -> [(text: String, isMarkup: Bool)] {
        try rendered(context, specialTokens, limits, now).segments
    }

    private func rendered(
        _ context: JSONObject, _ specialTokens: [String: String], _ limits: TemplateLimits, _ now: Date
    ) throws(TemplateError) -> TemplateText {
        let renderer = TemplateRenderer(names: names, limits: limits, now: now.timeIntervalSince1970)
        return try renderer.render(body, context, specialTokens: specialTokens)
    }
}
