import Foundation
import Testing

extension EndToEnd {
    /// Real clients against the real binary.
    @Suite(.serialized)
    struct RealClientTests {
        @Test
        func `the openai SDK lists, chats, streams, calls a tool, keeps a schema, embeds and sees its error classes`()
            throws
        {
            let server = try RunningServer()
            let (code, output) = try server.python("openai_client.py", ["\(server.base)/v1", RunningServer.model])
            #expect(code == 0, "\(output)")
            #expect(server.stop() == 0)
        }

        @Test func `sixteen clients stream at once: the texts of each alone, and much more in all`() throws {
            let server = try RunningServer()
            let (code, output) = try server.python("many_clients.py", [server.base, "8"])
            #expect(code == 0, "\(output)")
            #expect(server.stop() == 0)
        }
    }
}
