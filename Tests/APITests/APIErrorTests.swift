import API
import Generation
import HTTPTypes
import Testing

@Suite struct APIErrorTests {
    @Test func `an answer that came to a dead end is a server's error that isn't worth repeating`() throws {
        let error = APIError(EngineError.constraintFailed)
        #expect(error.status == .internalServerError)
        #expect(error.code == "constraint_failed")
        #expect(error.headers[try #require(HTTPField.Name("x-should-retry"))] == "false")
    }

    @Test func `nothing of an unexpected error goes out`() {
        struct Inner: Error { let path = "/secret/path" }
        #expect(!APIError(Inner()).message.contains("secret"))
    }
}
