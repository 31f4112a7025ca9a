public import Foundation
public import OrderedJSON
public struct TemplateError: Error {}
public struct TemplateLimits: Sendable { public static let `default` = TemplateLimits() }
public struct ChatTemplate: Sendable {
  public init(_ source: String) throws(TemplateError) {}
  public func renderSegments(_ context: JSONObject, limits: TemplateLimits = .default, now: Date) throws(TemplateError) -> [(text: String, isMarkup: Bool)] { [] }
}
