/// A moment in UTC, taken apart for `strftime`.
struct Strftime {
    private let year: Int
    private let month: Int
    private let day: Int
    private let dayOfYear: Int
    /// 0 is Sunday.
    private let weekday: Int
    private let secondOfDay: Int

    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    init(secondsSince1970: Double) {
        // Years 1 to 9999, as Python has them.
        let seconds = Int(
            min(max(secondsSince1970.isNaN ? 0 : secondsSince1970, -62_135_596_800), 253_402_300_799).rounded(.down))
        var days = seconds / 86_400
        if seconds % 86_400 < 0 { days -= 1 }
        secondOfDay = seconds - days * 86_400
        weekday = ((days + 4) % 7 + 7) % 7
        // Days to date in the proleptic Gregorian calendar: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
        dayOfYear = before + day + (isLeap && month > 2 ? 1 : 0)
    }

    /// The moment in the form of `format`; names of days and months are English.
    func formatted(_ format: String, _ failure: (String) -> TemplateError) throws(TemplateError) -> String {
        var output = ""
        var letters = format.unicodeScalars.makeIterator()
        while let scalar = letters.next() {
            guard scalar == "%" else {
                output.unicodeScalars.append(scalar)
                continue
            }
            guard var letter = letters.next() else { throw failure("'%' ends the date format") }
            let unpadded = letter == "-"
            if unpadded {
                guard let next = letters.next() else { throw failure("'%-' ends the date format") }
                letter = next
            }
            guard let field = field(letter) else { throw failure("the date format '%\(letter)' is not known") }
            output += unpadded ? trimmed(field) : field
        }
        return output
    }

    private func trimmed(_ field: String) -> String {
        let rest = field.drop { $0 == "0" || $0 == " " }
        return rest.isEmpty ? "0" : String(rest)
    }

    private func field(_ letter: Unicode.Scalar) -> String? {
        let hour = secondOfDay / 3600
        let minute = secondOfDay / 60 % 60
        let second = secondOfDay % 60
        func padded(_ value: Int, _ width: Int = 2, _ fill: String = "0") -> String {
            let digits = String(value)
            return String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits
        }
        switch letter {
        case "Y": return padded(year, 4)
        case "m": return padded(month)
        case "d": return padded(day)
        case "e": return padded(day, 2, " ")
        case "H": return padded(hour)
        case "I": return padded((hour + 11) % 12 + 1)
        case "M": return padded(minute)
        case "S": return padded(second)
        case "f": return "000000"
        case "p": return hour < 12 ? "AM" : "PM"
        case "y": return padded(year % 100)
        case "j": return padded(dayOfYear, 3)
        case "A": return Self.weekdays[weekday]
        case "a": return String(Self.weekdays[weekday].prefix(3))
        case "B": return Self.months[month - 1]
        case "b", "h": return String(Self.months[month - 1].prefix(3))
        case "w": return String(weekday)
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "U": return padded((dayOfYear + 6 - weekday) / 7)
        case "W": return padded((dayOfYear + 6 - (weekday + 6) % 7) / 7)
        case "F": return "\(padded(year, 4))-\(padded(month))-\(padded(day))"
        case "T", "X": return "\(padded(hour)):\(padded(minute)):\(padded(second))"
        case "R": return "\(padded(hour)):\(padded(minute))"
        case "D", "x": return "\(padded(month))/\(padded(day))/\(padded(year % 100))"
        case "c":
            return "\(Self.weekdays[weekday].prefix(3)) \(Self.months[month - 1].prefix(3)) \(padded(day, 2, " ")) "
                + "\(padded(hour)):\(padded(minute)):\(padded(second)) \(padded(year, 4))"
        case "Z", "z": return ""
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        default: return nil
        }
    }
}
