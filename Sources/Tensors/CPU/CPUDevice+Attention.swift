import CKernels

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

    /// Query rows that read the same keys: some tokens of a part, some heads of a group.
    private struct AttentionTask {
        let part: Int, tokens: Range<Int>, kvHead: Int, heads: Range<Int>
    }

    private func attend(_ query: Tensor, heads: AttentionHeads, batch: Batch, cache: CPUCache, layer: Int) -> Tensor {
        let group = heads.heads / heads.kvHeads
        let most = Int(HK_MAX_QUERY_ROWS)
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
        let output = makeTensor(query.shape)
        let scratchFloats = most * (Int(HK_KEY_CHUNK) + heads.headDim)
        let scratch = pool.storage(count: scratchFloats * team.threads)
        team.share(tasks.count, piece: 1) { range, thread in
            for index in range {
                unsafe run(
                    tasks[index], query: query, output: output, heads: heads, part: batch.parts[tasks[index].part],
                    cache: cache,
                    layer: layer, scratch: scratch.base + thread * scratchFloats)
            }
        }
        return output
    }

    private func run(
        _ task: AttentionTask, query: Tensor, output: Tensor, heads: AttentionHeads, part: Batch.Part, cache: CPUCache,
        layer: Int, scratch: UnsafeMutablePointer<Float>
    ) {
        var job = unsafe hk_attention_job()
        unsafe job.kv_head = task.kvHead
        unsafe job.cache = unsafe cache.layer(layer)
        unsafe job.scale = 1 / Float(heads.headDim).squareRoot()
        unsafe job.scratch = unsafe scratch
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
                unsafe kernels.pointee.attention(job)
            }
        }
    }
}
