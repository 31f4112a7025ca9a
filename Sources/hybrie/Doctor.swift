import ArgumentParser
import Foundation
import ModelStore
import OrderedJSON

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at this machine and these settings, and say what to do where something isn't well.",
        discussion: """
            Ends with code 1 if something is broken.

            --prove-local starts this same program with INFERENCE_ALLOWED_PROVIDERS=local, traces every attempt to reach \
            another address (with strace, where it is installed), chats, asks for a cloud model, stops it, and shows the trace.
            """)

    @Flag(help: "The same as a JSON object.") var json = false
    @Flag(help: "Show that nothing leaves this machine in local-only operation.") var proveLocal = false
    @Option(help: "Port that the server is to listen on.") var port: Int?
    @Option(help: ArgumentHelp("What to chat with for the proof: a file or a name in the store.", valueName: "MODEL"))
    var model: String?
    @OptionGroup var machine: MachineFlags

    func run() async throws {
        var report = DoctorReport()
        do {
            let configuration = try Configuration(flags: machine, port: port)
            report.add(.good("settings", "understood"))
            let examination = Examination(configuration: configuration)
            let device = examination.processor(&report)
            examination.memory(&report, device: device)
            await examination.port(&report)
            examination.home(&report)
            examination.models(&report, device: device)
            examination.policy(&report)
            if proveLocal { try await prove(configuration, &report) }
        } catch {
            report.add(.broken("settings", "can't be used", advice: "\(error)"))
        }
        print(json ? report.json.serialized : report.text)
        if report.isBroken { throw ExitCode(1) }
    }

    private func prove(_ configuration: Configuration, _ report: inout DoctorReport) async throws {
        do {
            let chosen = try model ?? ModelStore(home: configuration.home).models().min { $0.bytes < $1.bytes }?.name
            let proof = try await LocalProof(configuration: configuration, configFile: machine.config, model: chosen)
                .run()
            report.proof = proof
            report.add(
                proof.holds
                    ? .good("local only", LocalProof.Result.verdict)
                    : .broken(
                        "local only", "not proved",
                        advice: "read the lines under 'proof'; report them if you didn't ask for these connections"))
        } catch let fault as LocalProof.Fault {
            report.add(.broken("local only", "not proved", advice: fault.description))
        }
    }
}
