import ArgumentParser
import AsyncHTTPClient
import Checkpoints
import Crypto
import Generation
import Hummingbird
import Logging
import ServiceLifecycle
import TOMLKit
import Tensors
import Tokenizers

@main
struct Hybrie: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hybrie")
    @Argument var path: String
    @Argument var prompt: String
    @Option var n: Int = 64
    func run() async throws {
        let clock = ContinuousClock()
        let checkpoint = try Checkpoint(path: path)
        let device = CPUDevice(threads: 2)!
        let plan = try MemoryPlan(checkpoint, on: device, context: nil, parallel: 16, available: AvailableMemory.bytes)
        print(plan, device.name)
        let t0 = clock.now
        let model = try LoadedModel(checkpoint, id: "m", device: device, plan: plan)
        print("load", t0.duration(to: clock.now))
        let text = "<|im_start|>user\n\(prompt)<|im_end|>\n<|im_start|>assistant\n"
        var request = GenerationRequest(prompt: model.tokenizer.encode(text).map { Int32($0) })
        request.sampling.temperature = 0
        request.maxTokens = n
        let t1 = clock.now
        for await event in try model.engine.generate(request) {
            switch event {
            case .token(_, let text): print(text, terminator: "")
            case .finished(let reason, let text, let usage): print(text, reason, usage, t1.duration(to: clock.now))
            default: break
            }
        }
        // prefill + decode speed
        for k in 0..<4 {
            var r = GenerationRequest(prompt: (0..<512).map { Int32(($0 * 7 + k * 13) % 40000 + 10) })
            r.maxTokens = 1; r.sampling.temperature = 0
            let a = clock.now
            for await _ in try model.engine.generate(r) {}
            let b = clock.now
            r.prompt = [5, Int32(k + 1)]; r.maxTokens = 128; r.ignoresEnd = true
            for await _ in try model.engine.generate(r) {}
            print("pp512", 512 / a.duration(to: b).seconds, "tg128", 128 / b.duration(to: clock.now).seconds)
        }
    }
}
