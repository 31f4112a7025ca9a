import ArgumentParser
import AsyncHTTPClient
import Crypto
import Hummingbird
import Logging
import ServiceLifecycle
import TOMLKit

@main
struct Hybrie: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hybrie")
    func run() async throws { print("hello") }
}
