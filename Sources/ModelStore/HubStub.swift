public struct HubReference: Sendable { public init(_ t: String) throws {} }
public struct PullProgress: Sendable { public let bytes = 0, totalBytes = 0 }
public struct Hub<T> { public init(endpoint: String, token: String?, transport: T) {} }
extension ModelStore { public func pull<T>(_ r: HubReference, name: String?, from: Hub<T>, progress: (PullProgress) -> Void) async throws -> StoredModel { throw StoreError.unknown("stub") } }
