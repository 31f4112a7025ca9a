import ArgumentParser
import Checkpoints
import Foundation
import ModelStore
import Tensors

struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show, import, export, check and remove models of the store.",
        subcommands: [
            List.self, Show.self, Import.self, Export.self, Remove.self, Verify.self, Prune.self,
        ], defaultSubcommand: List.self)

    /// The store of the home that the environment names.
    static func store(_ machine: MachineFlags) throws -> ModelStore {
        ModelStore(home: try Configuration(flags: machine).home)
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the models of the store.")
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            let models = try Models.store(machine).models()
            if models.isEmpty {
                print(
                    "The store is empty. Pull a model (hybrie pull hf://…) or import a file (hybrie models import FILE)."
                )
            }
            let width = models.map(\.name.count).max() ?? 0
            for model in models {
                let name = model.name.padding(toLength: width, withPad: " ", startingAt: 0)
                print(
                    "\(name)  \(String(format: "%8.1f MiB", Double(model.bytes) / 1_048_576))  \(model.modified.formatted(.iso8601))"
                )
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what a model is made of.")
        @Argument(help: ArgumentHelp("A file, a folder or a name in the store.", valueName: "MODEL")) var model: String
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            let wiring = try Wiring(Configuration(flags: machine))
            let (id, path) = try wiring.locate(model)
            let checkpoint = try Checkpoint(path: path)
            let config = checkpoint.config
            let formats = Dictionary(grouping: checkpoint.tensorNames.compactMap { checkpoint.optionalTensor($0) }) {
                $0.format.name
            }
            .mapValues { $0.reduce(0) { $0 + $1.byteCount } }
            .sorted { $0.value > $1.value }
            print(
                """
                name             \(id)
                family           \(config.family.rawValue)
                layers           \(config.numHiddenLayers)
                hidden size      \(config.hiddenSize)
                heads            \(config.numAttentionHeads) query, \(config.numKeyValueHeads) key and value, \(config.headDim) wide
                experts          \(config.numExperts == 0 ? "none" : "\(config.numExperts), \(config.numExpertsPerTok) used")
                vocabulary       \(config.vocabSize)
                context          \(config.maxPositionEmbeddings)
                chat template    \(checkpoint.chatTemplate == nil ? "none" : "yes")
                weights          \(formats.map { "\($0.key) \($0.value >> 20) MiB" }.joined(separator: ", "))
                """)
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy a GGUF file or a Hugging Face folder into the store.")
        @Argument(help: ArgumentHelp("File or folder.", valueName: "FILE")) var file: String
        @Option(help: "What to call it; the file's name without suffix if not given.") var name: String?
        @Flag(help: "Do nothing, successfully, if the store has a model of that name.") var unlessPresent = false
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            let store = try Models.store(machine)
            let checkpoint = try Checkpoint(path: file)
            if unlessPresent, try store.find(name ?? checkpoint.name) != nil { return }
            let stored = try store.importModel(from: file, name: name)
            print("imported \(stored.name) (\(stored.bytes >> 20) MiB)")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove a model from the store.", aliases: ["remove"])
        @Argument(help: ArgumentHelp("Its name.", valueName: "MODEL")) var model: String
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            try Models.store(machine).remove(model)
            print("removed \(model)")
        }
    }
}
