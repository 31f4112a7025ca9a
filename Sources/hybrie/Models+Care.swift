import ArgumentParser
import ModelStore

extension Models {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Copy a model out of the store.")
        @Argument(help: ArgumentHelp("Its name.", valueName: "MODEL")) var model: String
        @Argument(help: ArgumentHelp("A new file or folder, or a folder to put it in.", valueName: "PLACE")) var place:
            String
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            print("exported \(model) to \(try Models.store(machine).export(model, to: place))")
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read models again and compare every byte with what came.",
            discussion: "Ends with status 1 if one is damaged: remove that one and pull it again.")
        @Argument(help: ArgumentHelp("Their names; all if none is given.", valueName: "MODEL")) var models: [String] =
            []
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            let store = try Models.store(machine)
            let chosen =
                try models.isEmpty
                ? store.models()
                : models.map { name in
                    guard let model = try store.find(name) else { throw StoreError.unknown(name) }
                    return model
                }
            var areSound = true
            for model in chosen {
                let check = try store.verify(model)
                areSound = areSound && check.isSound
                print("\(model.name)  \(Self.verdict(check))")
            }
            if !areSound { throw ExitCode(1) }
        }

        private static func verdict(_ check: ModelCheck) -> String {
            guard check.wasKnown else { return "hashed now; there was nothing to compare with" }
            guard !check.isSound else { return "sound" }
            let damaged = check.damaged.map { "\($0.chunks) of \($0.of) MiB-chunks of \($0.file) are damaged" }
            let strange = check.strange.map { "\($0) is missing or doesn't belong there" }
            return (damaged + strange).joined(separator: "; ")
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete what interrupted pulls left; models stay.")
        @OptionGroup var machine: MachineFlags

        func run() async throws {
            print("freed \(try Models.store(machine).prune() >> 20) MiB")
        }
    }
}
