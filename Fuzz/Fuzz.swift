import Foundation

/// Feeds parsers with damaged input. A parser may refuse whatever it likes; it must not trap, hang or grow without bound.
///
/// usage: fuzz NAME [SEED [ROUNDS]] | fuzz smoke [SEED] | fuzz list
@main
struct Fuzz {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let seed = arguments.count > 1 ? UInt64(arguments[1]) ?? 1 : UInt64.random(in: 0...UInt64(UInt32.max))
        switch arguments.first {
        case "list": print(Target.all.map(\.name).joined(separator: "\n"))
        case "smoke":
            for target in Target.all where target.name != "canary" { run(target, seed: seed, rounds: 300) }
        case let name?:
            guard let target = Target.all.first(where: { $0.name == name }) else { usage() }
            run(target, seed: seed, rounds: arguments.count > 2 ? Int(arguments[2]) ?? 10_000 : 10_000)
        case nil: usage()
        }
    }

    private static func usage() -> Never {
        FileHandle.standardError.write(Data("usage: fuzz NAME [SEED [ROUNDS]] | fuzz smoke [SEED] | fuzz list\n".utf8))
        exit(2)
    }

    private static func run(_ target: Target, seed: UInt64, rounds: Int) {
        // Said first: after a trap this line tells how to come back.
        print("\(target.name): seed \(seed), \(rounds) rounds")
        fflush(nil)
        var mutator = Mutator(seed: seed)
        let samples = target.samples()
        var accepted = 0
        for round in 0..<rounds {
            let input = mutator.mutate(samples[round % samples.count], others: samples)
            let start = ContinuousClock.now
            if target.takes(input) { accepted += 1 }
            guard start.duration(to: .now) < .seconds(5) else {
                FileHandle.standardError.write(
                    Data("\(target.name): round \(round) of seed \(seed) takes too long\n".utf8))
                exit(1)
            }
        }
        print("\(target.name): \(accepted) inputs taken, \(rounds - accepted) refused")
    }
}
