import Generation
import Mesh

/// Prometheus' text format, version 0.0.4.
struct MetricsText {
    private var samples: [(name: String, kind: String, help: String, lines: [String])] = []

    mutating func add(_ model: LoadedModel) {
        let statistics = model.engine.statistics
        let label = "model=\"\(Self.escaped(model.id))\""
        func gauge(_ name: String, _ help: String, _ value: Int) {
            add(name, "gauge", help, ["\(name){\(label)} \(value)"])
        }
        func counter(_ name: String, _ help: String, _ value: Int) {
            add(name, "counter", help, ["\(name){\(label)} \(value)"])
        }
        gauge("hybrie_queue_requests", "Requests that wait.", statistics.waiting)
        gauge("hybrie_running_sequences", "Sequences that run.", statistics.running)
        gauge("hybrie_kv_pages", "Pages of the key-value cache.", statistics.pages)
        gauge("hybrie_kv_pages_used", "Pages that sequences hold.", statistics.usedPages)
        gauge("hybrie_weight_bytes", "Memory of the weights.", model.plan.weightBytes)
        gauge(
            "hybrie_kv_bytes", "Memory of the key-value cache when full.",
            model.plan.cacheTokens * model.plan.cacheBytesPerToken)
        counter("hybrie_requests_total", "Requests taken.", statistics.requests)
        counter("hybrie_requests_finished_total", "Requests that ended.", statistics.finished)
        counter("hybrie_requests_abandoned_total", "Requests whose client left.", statistics.abandoned)
        counter("hybrie_requests_refused_total", "Requests refused because the queue was full.", statistics.refused)
        counter("hybrie_preemptions_total", "Sequences set back because pages ran out.", statistics.preemptions)
        counter("hybrie_prompt_tokens_total", "Prompt tokens computed.", statistics.promptTokens)
        counter("hybrie_cached_tokens_total", "Prompt tokens found in the prefix cache.", statistics.cachedTokens)
        counter("hybrie_generated_tokens_total", "Tokens generated.", statistics.generatedTokens)
        counter("hybrie_draft_tokens_total", "Tokens that were guessed and tried.", statistics.draftTokens)
        counter("hybrie_draft_tokens_accepted_total", "Guessed tokens that were right.", statistics.acceptedDraftTokens)
        add(
            "hybrie_time_to_first_token_seconds", "From arrival to the first token.", statistics.timeToFirstToken, label
        )
        add("hybrie_inter_token_latency_seconds", "Between tokens of a sequence.", statistics.interTokenLatency, label)
    }

    /// Weights that nodes have exchanged.
    mutating func add(_ traffic: MeshTraffic) {
        for (peer, bytes) in traffic.byPeer.sorted(by: { $0.key < $1.key }) {
            let label = "peer=\"\(Self.escaped(peer))\""
            add(
                "hybrie_mesh_sent_bytes_total", "counter", "Bytes of weights sent to a peer.",
                ["hybrie_mesh_sent_bytes_total{\(label)} \(bytes.sent)"])
            add(
                "hybrie_mesh_received_bytes_total", "counter",
                "Verified bytes of weights that the server got from a peer.",
                ["hybrie_mesh_received_bytes_total{\(label)} \(bytes.received)"])
        }
    }

    private mutating func add(_ name: String, _ help: String, _ histogram: Histogram, _ label: String) {
        var total = 0
        var lines: [String] = []
        for (index, count) in histogram.counts.enumerated() {
            total += count
            let bound = index < histogram.bounds.count ? "\(histogram.bounds[index])" : "+Inf"
            lines.append("\(name)_bucket{\(label),le=\"\(bound)\"} \(total)")
        }
        lines += ["\(name)_sum{\(label)} \(histogram.sum)", "\(name)_count{\(label)} \(total)"]
        add(name, "histogram", help, lines)
    }

    private mutating func add(_ name: String, _ kind: String, _ help: String, _ lines: [String]) {
        if let index = samples.firstIndex(where: { $0.name == name }) {
            samples[index].lines += lines
        } else {
            samples.append((name, kind, help, lines))
        }
    }

    var rendered: String {
        samples.map { sample in
            (["# HELP \(sample.name) \(sample.help)", "# TYPE \(sample.name) \(sample.kind)"] + sample.lines)
                .joined(separator: "\n") + "\n"
        }.joined()
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "\\" ? "\\\\" : $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }
}
