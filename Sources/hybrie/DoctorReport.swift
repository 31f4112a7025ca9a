import OrderedJSON

/// One thing that the doctor looked at.
struct Finding {
    /// How it is.
    enum State: String { case good, advice, broken }

    let name: String
    let text: String
    let state: State
    /// What to do, where it isn't well.
    let advice: String?
    /// The same in figures, for programs.
    var figures = JSONObject()

    static func good(_ name: String, _ text: String, _ figures: JSONObject = [:]) -> Finding {
        Finding(name: name, text: text, state: .good, advice: nil, figures: figures)
    }
    /// Works, but could be better.
    static func advice(_ name: String, _ text: String, advice: String, _ figures: JSONObject = [:]) -> Finding {
        Finding(name: name, text: text, state: .advice, advice: advice, figures: figures)
    }
    /// Something won't work.
    static func broken(_ name: String, _ text: String, advice: String, _ figures: JSONObject = [:]) -> Finding {
        Finding(name: name, text: text, state: .broken, advice: advice, figures: figures)
    }
}

/// Everything that the doctor found, as text and as JSON.
struct DoctorReport {
    private(set) var findings: [Finding] = []
    var proof: LocalProof.Result?

    var isBroken: Bool { findings.contains { $0.state == .broken } }

    mutating func add(_ finding: Finding) { findings.append(finding) }

    var text: String {
        let width = findings.map(\.name.count).max() ?? 0
        var lines = findings.flatMap { finding -> [String] in
            let mark = finding.state == .good ? "ok  " : finding.state == .advice ? "note" : "BAD "
            let name = finding.name + String(repeating: " ", count: width - finding.name.count)
            let line = "\(mark)  \(name)  \(finding.text)"
            return [line] + (finding.advice.map { [String(repeating: " ", count: width + 8) + "-> \($0)"] } ?? [])
        }
        if let proof { lines += ["", "proof"] + proof.lines.map { "  \($0)" } }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        let findings = findings.map { finding -> JSONValue in
            var object: JSONObject = [
                "name": .string(finding.name), "state": .string(finding.state.rawValue), "text": .string(finding.text),
                "advice": finding.advice.map { .string($0) } ?? .null,
            ]
            for (key, value) in finding.figures.entries { object[key] = value }
            return .object(object)
        }
        var object: JSONObject = ["ok": .bool(!isBroken), "findings": .array(findings)]
        if let proof { object["proof"] = proof.json }
        return .object(object)
    }
}
