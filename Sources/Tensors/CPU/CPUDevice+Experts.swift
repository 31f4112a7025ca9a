import CKernels

extension CPUDevice {
    /// See ``Device/experts(_:mixture:addedTo:)``.
    public func experts(_ x: Tensor, mixture: ExpertMixture, addedTo residual: Tensor) -> Tensor {
        let (gate, up, down) = (own(mixture.gate), own(mixture.up), own(mixture.down))
        let order = ExpertOrder(logits: linear(x, [Projection(mixture.router)])[0], mixture: mixture)
        let slots = order.tokens.count
        let inner = makeTensor([slots, up.rows])
        if gate.layout == up.layout {
            let input = Activations(x, index: order.tokens, groups: order.busy.map(\.slots), for: up, on: self)
            unsafe sweepExperts(order, panels: up.panelsPerMatrix) { expert, slots in
                var job = unsafe input.job(up, matrix: expert, rows: slots, output: inner)
                unsafe job.gate = UnsafePointer(gate.panels(of: expert))
                return unsafe job
            }
        } else {
            gateApart(x, gate: gate, up: up, order: order, inner: inner)
        }
        let outer = makeTensor([slots, down.rows])
        let input = Activations(inner, groups: order.busy.map(\.slots), for: down, on: self)
        unsafe sweepExperts(order, panels: down.panelsPerMatrix) { expert, slots in
            unsafe input.job(down, matrix: expert, rows: slots, output: outer)
        }
        return gather(outer, order: order, residual: residual)
    }

    private func gateApart(_ x: Tensor, gate: CPUWeight, up: CPUWeight, order: ExpertOrder, inner: Tensor) {
        let opened = makeTensor(inner.shape)
        for (weight, output) in [(gate, opened), (up, inner)] {
            let input = Activations(x, index: order.tokens, groups: order.busy.map(\.slots), for: weight, on: self)
            unsafe sweepExperts(order, panels: weight.panelsPerMatrix) { expert, slots in
                unsafe input.job(weight, matrix: expert, rows: slots, output: output)
            }
        }
        for index in 0..<inner.count {
            unsafe inner.storage.base[index] *= ReferenceDevice.silu(opened.storage.base[index])
        }
    }

    /// Runs one product per expert that has tokens; threads take pieces of an expert's panels, the busiest experts first.
    private func sweepExperts(
        _ order: ExpertOrder, panels: Int, _ makeJob: (_ expert: Int, _ slots: Range<Int>) -> hk_linear_job
    ) {
        let pieces = min(panels, order.busy.count >= 4 * team.threads ? 1 : 4)
        let piece = ((panels + pieces - 1) / pieces + 3) / 4 * 4
        team.share(order.busy.count * pieces, piece: 1) { range, _ in
            for task in range {
                let (expert, slots) = order.busy[task / pieces]
                let begin = task % pieces * piece
                guard begin < panels else { continue }
                var job = unsafe makeJob(expert, slots)
                unsafe kernels.pointee.linear(&job, begin, min(begin + piece, panels))
            }
        }
    }

    /// `residual` plus each token's expert outputs, weighted, in the order of that token's own choice.
    private func gather(_ outer: Tensor, order: ExpertOrder, residual: Tensor) -> Tensor {
        let output = makeTensor(residual.shape)
        let width = residual.width
        team.share(residual.rows, piece: Self.rowPiece) { range, _ in
            for token in range {
                let to = unsafe output.storage.base + token * width
                unsafe to.update(from: residual.storage.base + token * width, count: width)
                for place in order.places[token] {
                    let from = unsafe outer.storage.base + place.slot * width
                    for column in 0..<width { unsafe to[column] += place.weight * from[column] }
                }
            }
        }
        return output
    }
}

/// Tokens sorted by expert.
struct ExpertOrder {
    /// Token of each slot; slots of one expert are neighbours.
    let tokens: [Int32]
    /// Experts that have tokens and their slots, the busiest first.
    let busy: [(expert: Int, slots: Range<Int>)]
    /// Slots and weights of each token, largest weight first.
    let places: [[(slot: Int, weight: Float)]]

    init(logits: Tensor, mixture: ExpertMixture) {
        let experts = logits.width
        let values = logits.floats
        let choices = (0..<logits.rows).map { row in
            ExpertChoice(
                logits: Array(values[row * experts..<(row + 1) * experts]), used: mixture.used,
                isNormalised: mixture.isNormalised)
        }
        var counts = [Int](repeating: 0, count: experts)
        for choice in choices { for expert in choice.experts { counts[expert] += 1 } }
        var ranges: [Range<Int>] = []
        var next = 0
        for count in counts {
            ranges.append(next..<next + count)
            next += count
        }
        var free = ranges.map(\.lowerBound)
        var tokens = [Int32](repeating: 0, count: next)
        var places: [[(slot: Int, weight: Float)]] = []
        for (token, choice) in choices.enumerated() {
            places.append(
                zip(choice.experts, choice.weights).map { expert, weight in
                    let slot = free[expert]
                    free[expert] += 1
                    tokens[slot] = Int32(token)
                    return (slot, weight)
                })
        }
        self.tokens = tokens
        busy = ranges.enumerated().filter { !$0.element.isEmpty }.map { (expert: $0.offset, slots: $0.element) }
            .sorted { $0.slots.count > $1.slots.count }
        self.places = places
    }
}
