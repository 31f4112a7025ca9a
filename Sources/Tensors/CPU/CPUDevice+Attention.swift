import CKernels

/// Query rows that read the same keys: some tokens of a part, some heads of a group.
private struct AttentionTask {
    let part: Int, tokens: Range<Int>, kvHead: Int, heads: Range<Int>

    var rows: Int { tokens.count * heads.count }
}

extension CPUDevice {
    /// See ``Device/attention(query:key:value:heads:batch:rotary:cache:layer:)``.
    public func attention(
        query: Tensor, key: Tensor, value: Tensor, heads: AttentionHeads, batch: Batch, rotary: RotaryAngles,
        cache: any KeyValueCache, layer: Int
    ) -> Tensor {
        guard let cache = cache as? CPUCache else { preconditionFailure("the cache belongs to another device") }
        precondition(heads.headDim == cache.shape.headDim, "the cache was made for other heads")
        store(
            query: query, key: key, value: value, heads: heads, batch: batch, rotary: rotary, cache: cache, layer: layer
        )
        return attend(query, heads: heads, batch: batch, cache: cache, layer: layer)
    }

    private func store(
        query: Tensor, key: Tensor, value: Tensor, heads: AttentionHeads, batch: Batch, rotary: RotaryAngles,
        cache: CPUCache,
        layer: Int
    ) {
        var pages: [Int32] = []
        var slots: [Int32] = []
        for part in batch.parts {
            for position in part.position..<part.position + part.count {
                pages.append(part.pages[position / CacheShape.pageTokens])
                slots.append(Int32(position % CacheShape.pageTokens))
            }
        }
        unsafe pages.withUnsafeBufferPointer { pages in
            unsafe slots.withUnsafeBufferPointer { slots in
                let job = unsafe hk_store_job(
                    heads: heads.heads,
                    q_norm: UnsafePointer(heads.queryNorm?.storage.base),
                    k_norm: UnsafePointer(heads.keyNorm?.storage.base),
                    epsilon: heads.epsilon, interleaved: rotary.isInterleaved,
                    cosine: UnsafePointer(rotary.cosine.storage.base), sine: UnsafePointer(rotary.sine.storage.base),
                    q: query.storage.base, k: key.storage.base, v: UnsafePointer(value.storage.base),
                    cache: cache.layer(layer), page: pages.baseAddress,
                    slot: slots.baseAddress)
                team.share(batch.tokens.count, piece: Self.rowPiece) { range, _ in
                    unsafe withUnsafePointer(to: job) {
                        unsafe kernels.pointee.store($0, range.lowerBound, range.upperBound)
                    }
                }
            }
        }
    }

    private func attend(_ query: Tensor, heads: AttentionHeads, batch: Batch, cache: CPUCache, layer: Int) -> Tensor {
        let tasks = Self.tasks(batch, heads, threads: threads)
        let output = makeTensor(query.shape)
        let places = AttentionPlaces(
            query: query, output: output, heads: heads, batch: batch, cache: cache, layer: layer, device: self)
        let segments = tasks.map { task in
            let seen = batch.parts[task.part].position + task.tokens.upperBound
            return (seen + Int(HK_SEGMENT_KEYS) - 1) / Int(HK_SEGMENT_KEYS)
        }
        let longest = segments.max() ?? 0, isSegmented = longest > 1
        // Few heads and few tokens, but many keys: threads share the keys of a task.
        let sharesKeys = isSegmented && tasks.count < 4 * team.threads
        let partialFloats = longest * (tasks.map(\.rows).max() ?? 0) * (Int(HK_PARTIAL) + heads.headDim)
        let partials = isSegmented ? pool.storage(count: partialFloats * (sharesKeys ? tasks.count : threads)) : nil
        /// Calls `body` for each task and each of `steps`, on all threads.
        func each(steps: Int, _ body: (_ job: UnsafeMutablePointer<hk_attention_job>, _ step: Int) -> Void) {
            team.share(tasks.count * steps, piece: 1) { range, thread in
                for index in range where index % steps < segments[index / steps] {
                    let task = index / steps
                    unsafe places.withJob(tasks[task], thread: thread) { job in
                        if let partials {
                            unsafe job.pointee.segments = segments[task]
                            unsafe job.pointee.partials = partials.base + (sharesKeys ? task : thread) * partialFloats
                        }
                        unsafe body(job, index % steps)
                    }
                }
            }
        }
        if sharesKeys {
            unsafe each(steps: longest) { unsafe kernels.pointee.attention($0, $1) }
            unsafe each(steps: 1) { job, _ in unsafe kernels.pointee.join(job) }
        } else {
            unsafe each(steps: 1) { job, _ in
                for segment in 0..<max(1, unsafe job.pointee.segments) {
                    unsafe kernels.pointee.attention(job, segment)
                }
                if isSegmented { unsafe kernels.pointee.join(job) }
            }
        }
        return output
    }

    private static func tasks(_ batch: Batch, _ heads: AttentionHeads, threads: Int) -> [AttentionTask] {
        let group = heads.heads / heads.kvHeads
        // Many rows read their keys once, but every thread shall have a few tasks.
        let rowGroup = Int(HK_ROW_GROUP), fair = batch.tokens.count * heads.heads / (4 * threads)
        let most = min(max(fair / rowGroup, 1) * rowGroup, Int(HK_MAX_QUERY_ROWS))
        var tasks: [AttentionTask] = []
        for (index, part) in batch.parts.enumerated() {
            let tokensPerTask = max(1, most / group)
            // The last tokens see the most keys: taking them first leaves small tasks for the end.
            for first in stride(from: 0, to: part.count, by: tokensPerTask).reversed() {
                let tokens = first..<min(first + tokensPerTask, part.count)
                for kvHead in 0..<heads.kvHeads {
                    for head in stride(from: 0, to: group, by: most) {
                        let range = kvHead * group + head..<kvHead * group + min(head + most, group)
                        tasks.append(AttentionTask(part: index, tokens: tokens, kvHead: kvHead, heads: range))
                    }
                }
            }
        }
        return tasks
    }
}

/// Where the queries and results of a step lie, for the kernels.
private struct AttentionPlaces {
    let query: Tensor, output: Tensor, heads: AttentionHeads, batch: Batch, cache: CPUCache, layer: Int
    let scratch: FloatStorage
    private let scratchFloats: Int

    init(
        query: Tensor, output: Tensor, heads: AttentionHeads, batch: Batch, cache: CPUCache, layer: Int,
        device: CPUDevice
    ) {
        (self.query, self.output, self.heads, self.batch) = (query, output, heads, batch)
        (self.cache, self.layer) = (cache, layer)
        scratchFloats = Int(HK_ROW_GROUP) * Int(HK_KEY_CHUNK) + Int(HK_MAX_QUERY_ROWS) * heads.headDim
        scratch = device.pool.storage(count: scratchFloats * device.threads)
    }

    /// Calls `body` with what the kernels need for `task`.
    func withJob(_ task: AttentionTask, thread: Int, _ body: (UnsafeMutablePointer<hk_attention_job>) -> Void) {
        let part = batch.parts[task.part]
        var job = unsafe hk_attention_job()
        unsafe job.kv_head = task.kvHead
        unsafe job.cache = unsafe cache.layer(layer)
        unsafe job.scale = 1 / Float(heads.headDim).squareRoot()
        unsafe job.scratch = unsafe scratch.base + thread * scratchFloats
        var row = 0
        unsafe withUnsafeMutablePointer(to: &job) { job in
            unsafe withUnsafeMutablePointer(to: &job.pointee.q) { q in
                unsafe withUnsafeMutablePointer(to: &job.pointee.out) { out in
                    unsafe withUnsafeMutablePointer(to: &job.pointee.keys_seen) { seen in
                        let q = unsafe UnsafeMutableRawPointer(q).assumingMemoryBound(to: UnsafePointer<Float>?.self)
                        let out = unsafe UnsafeMutableRawPointer(out).assumingMemoryBound(
                            to: UnsafeMutablePointer<Float>?.self)
                        let seen = unsafe UnsafeMutableRawPointer(seen).assumingMemoryBound(to: Int32.self)
                        for token in task.tokens {
                            for head in task.heads {
                                let at = ((part.start + token) * heads.heads + head) * heads.headDim
                                unsafe q[row] = unsafe UnsafePointer(query.storage.base + at)
                                unsafe out[row] = unsafe output.storage.base + at
                                unsafe seen[row] = Int32(part.position + token + 1)
                                row += 1
                            }
                        }
                    }
                }
            }
            unsafe job.pointee.query_rows = Int32(row)
            unsafe part.pages.withUnsafeBufferPointer { pages in
                unsafe job.pointee.pages = pages.baseAddress
                unsafe body(job)
            }
        }
    }
}
