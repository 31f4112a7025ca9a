import ArgumentParser
import Checkpoints
import Foundation
import Generation
import LanguageModels
import Logging
import OrderedJSON
import Tensors

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure how fast a model reads prompts (pp) and writes answers (tg), as llama-bench names it.",
        discussion:
            "Each test runs once to warm up and then -r times; fields of the JSON output are named as llama-bench names them."
    )

    enum Format: String, ExpressibleByArgument, CaseIterable { case md, json }

    @Option(
        name: [.customShort("m"), .long],
        help: ArgumentHelp("A file, a folder or a name in the store.", valueName: "MODEL"))
    var model: String?
    @Flag(
        name: .customLong("machine"), help: "Measure the machine instead: what its memory and its units can do at best."
    )
    var measuresMachine = false
    @Flag(name: .customLong("profile"), help: "Tell where the time goes: each kind of step, its share, GB/s and TOP/s.")
    var profiles = false
    @Option(name: [.customShort("p"), .customLong("n-prompt")], help: "Prompt tokens; several by comma, 0 for none.")
    var prompts = "512"
    @Option(name: [.customShort("n"), .customLong("n-gen")], help: "Tokens to generate; several by comma, 0 for none.")
    var generations = "128"
    @Option(
        name: [.customShort("d"), .customLong("n-depth")],
        help: "Tokens that stand in the cache before; several by comma.") var depths = "0"
    @Option(name: [.customShort("r"), .long], help: "Repetitions.") var repetitions = 5
    @Option(name: [.customShort("o"), .long], help: "md or json.") var output = Format.md
    @OptionGroup var machine: MachineFlags

    /// One line of the table.
    struct Test {
        let prompt: Int, generated: Int, depth: Int
        var name: String { (prompt > 0 ? "pp\(prompt)" : "tg\(generated)") + (depth > 0 ? " @ d\(depth)" : "") }
        var tokens: Int { prompt + generated }
    }

    /// What a test gave.
    struct Result {
        let test: Test
        /// Seconds of each repetition.
        let samples: [Double]
        /// Of all repetitions, if a profile was asked for.
        let phases: [ProfiledDevice.Phase]

        var rates: [Double] { samples.map { Double(test.tokens) / $0 } }
    }

    private static func numbers(_ list: String, _ flag: String) throws -> [Int] {
        try list.split(separator: ",").map { part in
            guard let number = Int(part), (0...1_000_000).contains(number) else {
                throw ValidationError("\(flag) takes numbers by comma, not '\(part)'")
            }
            return number
        }
    }

    func run() async throws {
        guard (1...1000).contains(repetitions) else { throw ValidationError("-r must lie between 1 and 1000") }
        let tests = try Self.numbers(depths, "-d").flatMap { depth in
            try Self.numbers(prompts, "-p").filter { $0 > 0 }.map { Test(prompt: $0, generated: 0, depth: depth) }
                + Self.numbers(generations, "-n").filter { $0 > 0 }.map { Test(prompt: 0, generated: $0, depth: depth) }
        }
        let wiring = try Wiring(Configuration(flags: machine), logLevel: .warning)
        if measuresMachine { return try measureMachine(wiring.device) }
        guard let model else { throw ValidationError("name a model with -m, or give --machine") }
        let (id, path) = try wiring.locate(model)
        let checkpoint = try Checkpoint(path: path)
        let longest = tests.map { $0.depth + $0.tokens }.max() ?? 1
        let plan = try MemoryPlan(
            checkpoint, on: wiring.device, context: min(longest, checkpoint.config.maxPositionEmbeddings), parallel: 1,
            available: AvailableMemory.bytes, cacheFormat: wiring.configuration.cacheFormat)
        let watched = profiles ? ProfiledDevice(wiring.device) : nil
        let decoder = try DecoderRegistry.load(checkpoint, on: watched ?? wiring.device)
        let results = try tests.map { test in
            let samples = try measure(test, decoder, cacheFormat: plan.cacheFormat, watched)
            return Result(test: test, samples: samples, phases: watched?.phases ?? [])
        }
        switch output {
        case .md:
            print("| model | size | device | threads | test | t/s |\n| --- | ---: | --- | ---: | --- | ---: |")
            for result in results {
                print(
                    "| \(id) | \(checkpoint.totalBytes >> 20) MiB | \(wiring.device.instructionSet) "
                        + "| \(wiring.device.threads) | \(result.test.name) "
                        + "| \(String(format: "%.2f ± %.2f", result.rates.mean, result.rates.deviation)) |")
            }
            for result in results where profiles { print("\n" + PhaseTable(result.phases, of: result).markdown) }
        case .json:
            print(
                JSONValue.array(results.map { json($0, checkpoint, path, wiring.device, plan.cacheFormat) })
                    .serialized)
        }
    }

    private func measureMachine(_ device: CPUDevice) throws {
        let read = try MachineLimits.readRate(on: device), operations = MachineLimits.operationRate(on: device)
        switch output {
        case .md:
            print("| device | threads | read GB/s | int8 TOP/s |\n| --- | ---: | ---: | ---: |")
            let figures = String(format: "%.1f | %.2f", read * 1e-9, operations * 1e-12)
            print("| \(device.instructionSet) | \(device.threads) | \(figures) |")
        case .json:
            let limits: JSONValue = [
                "cpu_info": .string(device.instructionSet), "n_threads": .integer(device.threads),
                "read_bytes_per_second": .number(read), "int8_operations_per_second": .number(operations),
            ]
            print(limits.serialized)
        }
    }

    /// Seconds of each repetition.
    private func measure(
        _ test: Test, _ decoder: any Decoder, cacheFormat: CacheFormat, _ watched: ProfiledDevice?
    ) throws -> [Double] {
        let config = decoder.config
        let total = test.depth + test.tokens
        let pages = (total + CacheShape.pageTokens - 1) / CacheShape.pageTokens
        let cache = try decoder.device.makeCache(
            CacheShape(
                layers: config.numHiddenLayers, kvHeads: config.numKeyValueHeads, headDim: config.headDim, pages: pages,
                format: cacheFormat)
        )
        let table = (0..<Int32(pages)).map { $0 }
        var generator = SystemRandomNumberGenerator()
        func feed(_ count: Int, at start: Int, by step: Int) {
            for first in stride(from: start, to: start + count, by: step) {
                let length = min(step, start + count - first)
                var batch = Batch()
                batch.append(
                    (0..<length).map { _ in Int32.random(in: 0..<Int32(config.vocabSize), using: &generator) },
                    position: first, pages: table)
                _ = decoder.logits(decoder.hiddenStates(of: batch, rows: [length - 1], cache: cache))
            }
        }
        feed(test.depth, at: 0, by: 512)
        return (0...repetitions).map { round in
            if round == 1 { watched?.reset() }
            let start = ContinuousClock.now
            feed(test.tokens, at: test.depth, by: test.prompt > 0 ? 512 : 1)
            return start.duration(to: .now).seconds
        }.dropFirst().map { $0 }
    }

    private func json(
        _ result: Result, _ checkpoint: Checkpoint, _ path: String, _ device: CPUDevice, _ cacheFormat: CacheFormat
    ) -> JSONValue {
        let (test, samples, rates) = (result.test, result.samples, result.rates)
        var fields: JSONObject = [
            "model_filename": .string((path as NSString).lastPathComponent),
            "model_type": .string(checkpoint.config.family.rawValue),
            "model_size": .integer(checkpoint.totalBytes), "backends": "CPU",
            "cpu_info": .string(device.instructionSet),
            "type_k": .string(cacheFormat.rawValue), "type_v": .string(cacheFormat.rawValue),
            "n_threads": .integer(device.threads), "n_prompt": .integer(test.prompt), "n_gen": .integer(test.generated),
            "n_depth": .integer(test.depth), "test_time": .string(Date().formatted(.iso8601)),
            "avg_ns": .integer(Int(samples.mean * 1e9)), "stddev_ns": .integer(Int(samples.deviation * 1e9)),
            "avg_ts": .number(rates.mean), "stddev_ts": .number(rates.deviation),
            "samples_ns": .array(samples.map { .integer(Int($0 * 1e9)) }),
            "samples_ts": .array(rates.map { .number($0) }),
        ]
        if profiles { fields["phases"] = PhaseTable(result.phases, of: result).json }
        return .object(fields)
    }
}

extension [Double] {
    var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }
    /// Of a sample.
    var deviation: Double {
        count < 2 ? 0 : (reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot()
    }
}
