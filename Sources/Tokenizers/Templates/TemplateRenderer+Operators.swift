import Foundation

extension TemplateRenderer {
    func mismatch(_ operation: String, _ operands: TemplateValue...) -> TemplateError {
        if let missing = operands.lazy.compactMap({ operand -> TemplateMissing? in
            if case .undefined(let missing) = operand { missing } else { nil }
        }).first {
            return failure(missing.message)
        }
        return failure("'\(operation)' does not take \(operands.map(\.typeName).joined(separator: " and "))")
    }

    private var overflow: TemplateError { failure("an integer needs more than 64 bits") }

    func negated(_ operand: TemplateValue) throws(TemplateError) -> TemplateValue {
        if case .number(let value) = operand { return .number(-value) }
        guard let value = operand.integer else { throw mismatch("-", operand) }
        guard value != .min else { throw overflow }
        return .integer(-value)
    }

    func apply(
        _ operation: TemplateOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        if let a = left.integer, let b = right.integer { return try integers(operation, a, b) }
        if let a = left.double, let b = right.double { return try numbers(operation, a, b) }
        switch (operation, left, right) {
        case (.add, .string(let a), .string(let b)): return try joined(a, b)
        case (.add, .list(let a), .list(let b)) where (a.kind == .list) == (b.kind == .list):
            return try list(a.elements + b.elements, kind: a.kind == .list ? .list : .tuple)
        case (.multiply, .string(let text), let times), (.multiply, let times, .string(let text)):
            guard let count = times.integer else { throw mismatch("*", left, right) }
            return .string(try repeated(text, count))
        case (.multiply, .list(let list), let times), (.multiply, let times, .list(let list)):
            guard let count = times.integer else { throw mismatch("*", left, right) }
            let (total, overflows) = list.elements.count.multipliedReportingOverflow(by: max(0, count))
            try spend(overflows ? .max : total)
            let elements = Array(repeatElement(list.elements, count: max(0, count)).joined())
            return try self.list(elements, kind: list.kind == .list ? .list : .tuple)
        case (.remainder, .string(let format), _): return .string(try formatted(format, printf: right))
        default: throw mismatch(operation.rawValue, left, right)
        }
    }

    private func joined(_ a: TemplateText, _ b: TemplateText) throws(TemplateError) -> TemplateValue {
        var (a, b) = (a, b)
        let isSafe = a.isSafe || b.isSafe
        if isSafe {
            try spend(bytes: a.count + b.count, factor: 16)
            (a, b) = (a.escapedForHTML, b.escapedForHTML)
        }
        try reserve(bytes: a.count + b.count)
        a.append(b)
        a.isSafe = isSafe
        return .string(a)
    }

    func repeated(_ text: TemplateText, _ times: Int) throws(TemplateError) -> TemplateText {
        guard times > 0, !text.isEmpty else { return TemplateText() }
        let (total, overflows) = text.count.multipliedReportingOverflow(by: times)
        try reserve(bytes: overflows ? .max : total)
        var result = TemplateText()
        var block = text
        var left = times
        while left > 0 {
            if left & 1 == 1 { result.append(block) }
            left >>= 1
            if left > 0 { block.append(block) }
        }
        return result
    }

    private func integers(_ operation: TemplateOperator, _ a: Int, _ b: Int) throws(TemplateError) -> TemplateValue {
        let result: (partialValue: Int, overflow: Bool)
        switch operation {
        case .add: result = a.addingReportingOverflow(b)
        case .subtract: result = a.subtractingReportingOverflow(b)
        case .multiply: result = a.multipliedReportingOverflow(by: b)
        case .divide: return try numbers(.divide, Double(a), Double(b))
        case .divideWhole, .remainder:
            guard b != 0 else { throw failure("division by zero") }
            let remainder = a.remainderReportingOverflow(dividingBy: b)
            let quotient = a.dividedReportingOverflow(by: b)
            // Python rounds towards minus infinity, the machine towards zero.
            let isOff = remainder.partialValue != 0 && (remainder.partialValue < 0) != (b < 0)
            if operation == .remainder { return .integer(isOff ? remainder.partialValue + b : remainder.partialValue) }
            result = isOff ? quotient.partialValue.subtractingReportingOverflow(1) : quotient
        case .power: return try power(a, b)
        }
        guard !result.overflow else { throw overflow }
        return .integer(result.partialValue)
    }

    private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> TemplateValue {
        guard exponent >= 0 else { return try numbers(.power, Double(base), Double(exponent)) }
        if base == 0 || base == 1 { return .integer(exponent == 0 ? 1 : base) }
        if base == -1 { return .integer(exponent % 2 == 0 ? 1 : -1) }
        guard exponent < 64 else { throw overflow }
        var product = 1
        for _ in 0..<exponent {
            let (next, overflows) = product.multipliedReportingOverflow(by: base)
            guard !overflows else { throw overflow }
            product = next
        }
        return .integer(product)
    }

    private func numbers(_ operation: TemplateOperator, _ a: Double, _ b: Double) throws(TemplateError) -> TemplateValue
    {
        switch operation {
        case .add: return .number(a + b)
        case .subtract: return .number(a - b)
        case .multiply: return .number(a * b)
        case .divide, .divideWhole, .remainder:
            guard b != 0 else { throw failure("division by zero") }
            if operation == .divide { return .number(a / b) }
            var remainder = a.truncatingRemainder(dividingBy: b)
            if remainder != 0, (remainder < 0) != (b < 0) { remainder += b }
            return .number(operation == .remainder ? remainder : ((a - remainder) / b).rounded(.toNearestOrEven))
        case .power:
            let result = pow(a, b)
            guard result.isFinite || !a.isFinite || !b.isFinite else { throw failure("a power has no finite value") }
            return .number(result)
        }
    }

    // MARK: comparisons

    func holds(
        _ comparison: TemplateComparison, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> Bool {
        switch comparison {
        case .equal: try areEqual(left, right)
        case .unequal: !(try areEqual(left, right))
        case .less: try isLess(left, right)
        case .greater: try isLess(right, left)
        case .lessOrEqual: try isOrdered(left, right)
        case .greaterOrEqual: try isOrdered(right, left)
        case .contained: try isContained(left, right)
        case .notContained: !(try isContained(left, right))
        }
    }

    func areEqual(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        try spend()
        if let a = left.integer, let b = right.integer { return a == b }
        if let a = left.double, let b = right.double { return a == b }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let a), .string(let b)):
            guard a.count == b.count else { return false }
            try spend(bytes: a.count)
            return a == b
        case (.list(let a), .list(let b)):
            guard (a.kind == .list) == (b.kind == .list), a.elements.count == b.elements.count else { return false }
            for (x, y) in zip(a.elements, b.elements) where !(try areEqual(x, y)) { return false }
            return true
        case (.dictionary(let a), .dictionary(let b)):
            guard a.keys.count == b.keys.count else { return false }
            for (key, value) in zip(a.keys, a.values) {
                guard let key = try self.key(key), let other = b.value(of: key), try areEqual(value, other) else {
                    return false
                }
            }
            return true
        case (.range(let a), .range(let b)):
            return a.count == b.count && (a.count == 0 || a.start == b.start && (a.count == 1 || a.step == b.step))
        case (.object(.namespace(let a)), .object(.namespace(let b))): return a === b
        case (.function(.macro(let a)), .function(.macro(let b))): return a === b
        case (.function(.global(let a)), .function(.global(let b))): return a == b
        default: return false
        }
    }

    func isLess(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        try spend()
        if let a = left.integer, let b = right.integer { return a < b }
        if let a = left.double, let b = right.double { return a < b }
        switch (left, right) {
        case (.string(let a), .string(let b)):
            try spend(bytes: min(a.count, b.count))
            // The order of UTF-8 is that of code points.
            return a.bytes.lexicographicallyPrecedes(b.bytes)
        case (.list(let a), .list(let b)) where (a.kind == .list) == (b.kind == .list):
            for (x, y) in zip(a.elements, b.elements) where !(try areEqual(x, y)) { return try isLess(x, y) }
            return a.elements.count < b.elements.count
        default: throw mismatch("<", left, right)
        }
    }

    private func isOrdered(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        if left.double != nil, let b = right.double {
            // Not simply the opposite of the other order: nothing is ordered with NaN.
            if let a = left.double, a.isNaN || b.isNaN { return false }
        }
        return !(try isLess(right, left))
    }

    func isContained(_ item: TemplateValue, _ container: TemplateValue) throws(TemplateError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = item else { throw mismatch("in", item, container) }
            try spend(bytes: text.count + part.count)
            return text.firstPlace(of: part) != nil
        case .list(let list):
            for element in list.elements where try areEqual(element, item) { return true }
            return false
        case .dictionary(let dictionary):
            try spend(min(dictionary.keys.count, 16))
            guard let key = try key(item) else {
                guard item.isUndefined else { throw failure("a value of type \(item.typeName) cannot be a key") }
                return false
            }
            return dictionary.value(of: key) != nil
        case .range(let range):
            guard let value = item.double.flatMap({ Int(exactly: $0) }), range.count > 0 else { return false }
            let last = range.start + (range.count - 1) * range.step
            return value >= min(range.start, last) && value <= max(range.start, last)
                && (value - range.start) % range.step == 0
        case .undefined: return false
        default: throw failure("a value of type \(container.typeName) holds nothing")
        }
    }
}
