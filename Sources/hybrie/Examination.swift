import Checkpoints
import Foundation
import Generation
import ModelStore
import OrderedJSON
import Providers
import Tensors

/// What the doctor looks at, one after the other.
struct Examination {
    let configuration: Configuration

    /// Processor, instruction set, cores and threads.
    func processor(_ report: inout DoctorReport) -> CPUDevice? {
        let facts = ProcessorFacts()
        guard let device = CPUDevice(threads: configuration.threads, instructionSet: configuration.instructionSet)
        else {
            report.add(
                .broken(
                    "processor", facts.name,
                    advice: ConfigurationError.unknownInstructionSet(configuration.instructionSet ?? "").description))
            return nil
        }
        let figures: JSONObject = [
            "model": .string(facts.name), "features": .array(facts.features.map { .string($0) }),
            "instruction_set": .string(device.instructionSet),
        ]
        let text =
            "\(facts.name); has \(facts.features.isEmpty ? "none of the features we know" : facts.features.joined(separator: " ")); "
            + "runs \(device.instructionSet) kernels"
        report.add(
            device.instructionSet == "portable"
                ? .advice(
                    "processor", text,
                    advice: "unset HYBRIE_ISA, or run on a processor with AVX2 or NEON: it is several times faster",
                    figures)
                : .good("processor", text, figures))
        let (cores, threads) = (UsableCores.count, device.threads)
        let shown = "\(cores) usable, \(threads) threads compute"
        let counts: JSONObject = ["usable": .integer(cores), "threads": .integer(threads)]
        report.add(
            threads > cores
                ? .advice(
                    "cores", shown, advice: "set --threads \(cores): threads beyond the cores wait for each other",
                    counts)
                : .good("cores", shown, counts))
        return device
    }

    /// Memory and how fast it is read.
    func memory(_ report: inout DoctorReport, device: CPUDevice?) {
        let available = configuration.memoryBytes ?? AvailableMemory.bytes
        let figures: JSONObject = ["available_bytes": .integer(available)]
        let text = "\(available >> 20) MiB available to models"
        report.add(
            available < 1 << 30
                ? .advice(
                    "memory", text,
                    advice: "close programs, or raise HYBRIE_MEMORY_MIB: most models need 1 GiB or more", figures)
                : .good("memory", text, figures))
        // Larger than any cache, but never so much that measuring hurts.
        let bytes = min(1 << 30, AvailableMemory.bytes / 4)
        guard let device, bytes >= 64 << 20, let rate = try? MachineLimits.readRate(on: device, bytes: bytes) else {
            report.add(.advice("bandwidth", "not measured", advice: "free some memory and ask again"))
            return
        }
        report.add(
            .good(
                "bandwidth", String(format: "%.1f GB/s read by %d threads", rate / 1e9, device.threads),
                ["bytes_per_second": .number(rate.rounded())]))
    }

    /// Whether the server could listen.
    func port(_ report: inout DoctorReport) async {
        let (host, port) = (configuration.host, configuration.port)
        let figures: JSONObject = ["host": .string(host), "port": .integer(port)]
        guard let reason = ListeningTest.refusal(host: host, port: port) else {
            report.add(.good("port", "\(host):\(port) is free", figures))
            return
        }
        if let answer = try? await EgressGuard.askOwnServer(host: host, port: port, "GET", "/health", seconds: 2),
            answer.status == 200
        {
            report.add(.good("port", "\(host):\(port): a server answers there already, and is well", figures))
        } else {
            report.add(
                .broken(
                    "port", "\(host):\(port) can't be opened: \(reason)",
                    advice: "end the program that holds it, or choose another with --port or HYBRIE_PORT", figures))
        }
    }

    /// Where everything is kept.
    func home(_ report: inout DoctorReport) {
        let manager = FileManager.default
        let home = configuration.home
        let exists = manager.fileExists(atPath: home)
        // What isn't there yet will be made in the nearest folder that is.
        var nearest = home
        while !manager.fileExists(atPath: nearest), nearest != "/", !nearest.isEmpty {
            nearest = (nearest as NSString).deletingLastPathComponent
        }
        let free = ((try? manager.attributesOfFileSystem(forPath: nearest))?[.systemFreeSize] as? Int) ?? 0
        var isFolder: ObjCBool = false
        let isWritable =
            manager.fileExists(atPath: nearest, isDirectory: &isFolder) && isFolder.boolValue
            && manager.isWritableFile(atPath: nearest)
        let figures: JSONObject = [
            "path": .string(home), "exists": .bool(exists), "writable": .bool(isWritable), "free_bytes": .integer(free),
        ]
        let text = "\(home)\(exists ? "" : " (will be made)"), \(free >> 20) MiB free"
        if !isWritable {
            report.add(
                .broken(
                    "home", text,
                    advice: "it can't be written: change its rights, or set HYBRIE_HOME to another folder", figures))
        } else if free < 1 << 30 {
            report.add(
                .advice("home", text, advice: "little room for models: 'hybrie models rm' removes some", figures))
        } else {
            report.add(.good("home", text, figures))
        }
        if let mode = (try? manager.attributesOfItem(atPath: "\(home)/api_key"))?[.posixPermissions] as? Int,
            mode & 0o077 != 0
        {
            report.add(
                .broken(
                    "key file", "others may read it",
                    advice: "chmod 600 \(home)/api_key, then replace the key: remove the file"))
        }
    }

    /// Each model of the store: whether it can be read, and fits.
    func models(_ report: inout DoctorReport, device: CPUDevice?) {
        let models: [StoredModel]
        do { models = try ModelStore(home: configuration.home).models() } catch {
            report.add(.broken("models", "can't be listed", advice: "\(error)"))
            return
        }
        guard !models.isEmpty else {
            report.add(
                .advice(
                    "models", "none in the store", advice: "hybrie pull hf://OWNER/NAME, or hybrie models import FILE",
                    ["count": 0]))
            return
        }
        let bytes = models.reduce(0) { $0 + $1.bytes }
        report.add(
            .good(
                "models", "\(models.count) in the store, \(bytes >> 20) MiB",
                ["count": .integer(models.count), "bytes": .integer(bytes)]))
        for model in models {
            let name = "model \(model.name)"
            do {
                let checkpoint = try Checkpoint(path: model.path)
                guard let device else { continue }
                let plan = try MemoryPlan(
                    checkpoint, on: device, context: configuration.context, parallel: configuration.parallel,
                    available: configuration.memoryBytes ?? AvailableMemory.bytes)
                report.add(
                    .good(
                        name, "fits: \(plan.weightBytes >> 20) MiB of weights, context of \(plan.contextTokens) tokens",
                        ["weight_bytes": .integer(plan.weightBytes), "context_tokens": .integer(plan.contextTokens)]))
            } catch let error as MemoryError {
                report.add(.advice(name, "doesn't fit", advice: "\(error)"))
            } catch {
                report.add(
                    .broken(
                        name, "can't be read: \(error)",
                        advice: "hybrie models rm \(model.name), then pull or import it again"))
            }
        }
    }

    /// What may leave the machine.
    func policy(_ report: inout DoctorReport) {
        let policy = configuration.policy
        let allowed = policy.allowed.map(\.rawValue).sorted()
        report.add(
            .good(
                "policy",
                "answers come from \(allowed.joined(separator: ", ")); downloads are \(policy.permitsDownloads ? "permitted" : "off")"
                    + (policy.isLocalOnly && !policy.permitsDownloads ? ": nothing leaves this machine" : ""),
                [
                    "allowed_providers": .array(allowed.map { .string($0) }), "local_only": .bool(policy.isLocalOnly),
                    "downloads": .bool(policy.permitsDownloads),
                ]))
    }
}

/// What the system says about the processor.
struct ProcessorFacts {
    let name: String
    /// Those that kernels are chosen by.
    let features: [String]

    private static let relevant = [
        "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm",
        "sve",
    ]

    init() {
        let lines = ((try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "").split(separator: "\n")
        func value(_ keys: [String]) -> String? {
            for line in lines {
                let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                if parts.count == 2, keys.contains(parts[0]) { return parts[1] }
            }
            return nil
        }
        name = value(["model name", "Hardware", "CPU part"]) ?? "a processor that doesn't tell its name"
        let flags = Set((value(["flags", "Features"]) ?? "").split(separator: " ").map(String.init))
        features = Self.relevant.filter(flags.contains)
    }
}
