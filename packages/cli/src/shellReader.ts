/** Reads a script the way a POSIX shell does, as far as is needed to know in which kind of quotes a replacement stands, and whether its value would be read again there. */
import { isShell, matchAt, type Reference, type Scope, takesCode, templateError } from "./template.ts"

/** A replacement, and the quotes that it stands in. `words`: outside quotes and a word of its own, so that several values are several words. */
export interface Place {
  readonly reference: Reference
  readonly quotes: "words" | "none" | "double" | "single" | "here"
}

export interface Script {
  readonly pieces: ReadonlyArray<string | Place>
  /** What is put behind it would be an argument. */
  readonly endsInArguments: boolean
}

/**
 * Reads a script; the shell is named without its folder.
 *
 * @throws TemplateError where a replacement cannot be made safe, and where the script ends too early
 */
export const read = (script: string, shell: string, scope: Scope): Script => new Reader(script, scope, shell).read()

interface HereDocument {
  readonly delimiter: string
  readonly quoted: boolean
  readonly tabs: boolean
}

interface Frame {
  /** `code`: commands, to a `)` unless it is the outermost. `double`: to a `"`. `braces`: what follows `${`, to a `}`. `arithmetic`: to `))`. */
  readonly kind: "code" | "double" | "braces" | "arithmetic"
  /** Why replacements are refused in here, and in whatever is inside of it. */
  readonly refused: string | undefined
  readonly what: string
  /** The words of the command so far, quotes taken off. */
  words: Array<string>
  /** Where the word that is being read began; -1 between words. */
  word: number
  /** The next word is the target of a redirection. */
  redirected: boolean
  /** How many `case` are open; their patterns end with a `)` that nothing opened. */
  cases: number
  inPattern: boolean
  /** Parentheses that are open in arithmetic. */
  parentheses: number
  here: Array<HereDocument>
}

/** Words that a command may follow: what comes next is at the place of a command again. */
const reserved: ReadonlySet<string> = new Set(["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"])
/** Words that the command's own name may follow. */
const prefixes: ReadonlySet<string> = new Set(["command", "builtin", "coproc"])
/** Builtins that read their arguments as code, however they are quoted. */
const evaluating: ReadonlySet<string> = new Set(["eval", "let", "trap", "alias", "compgen", "complete"])
/** Builtins that read their arguments as names of variables; a name may hold a subscript, and a subscript a command. */
const naming: ReadonlySet<string> = new Set([
  "export",
  "readonly",
  "declare",
  "typeset",
  "local",
  "unset",
  "read",
  "mapfile",
  "readarray",
  "getopts",
  "wait"
])
/** Those of them that read an assignment once more. */
const declaring: ReadonlySet<string> = new Set(["declare", "typeset", "local"])
/** Variables that are expanded, or evaluated, by bash when they are set or used. */
const special = /^(?:PS[0-4]|PROMPT_COMMAND|ENV|BASH_ENV|RANDOM|SRANDOM|SECONDS|HISTCMD|OPTIND)\+?=/
/** Flags of `declare` and its kin that make arrays, integers and references. */
const typed = /^-[A-Za-z]*[aAin]/
const arithmeticTest = /^-(?:eq|ne|lt|le|gt|ge)$/
const assignment = /^[A-Za-z_][A-Za-z0-9_]*\+?=/

/** The name of the command, as far as it can be known: an expansion may be nothing, and leave the next word for it. */
const headOf = (words: ReadonlyArray<string>): string => {
  for (const word of words) {
    const fixed = word.replace(/`[^`]*`|\$\{[^}]*\}|\$\([^()]*\)|\$(?:\w+|[@*#?$!-])/g, "")
    if (fixed !== "" && !fixed.startsWith("-") && !prefixes.has(fixed)) return fixed
  }
  return ""
}

const closers: ReadonlySet<string> = new Set(["done", "fi", "esac", "}", "]]"])

class Reader {
  private readonly script: string
  private readonly scope: Scope
  private readonly shell: string
  private readonly pieces: Array<string | Place> = []
  private readonly frames: Array<Frame> = []
  private at = 0
  /** What was read, and is not yet among the pieces. */
  private plain = ""
  private commented = false
  /** A replacement in a test, and the number of its word: the operator may come behind it. */
  private tested: { readonly text: string; readonly word: number } | undefined

  /** A replacement that is assigned to a variable. */
  private assigned: string | undefined
  /** Some variables are arrays, integers or references: what is assigned to these is read as code, wherever in the script they became so. */
  private typed = false

  constructor(script: string, scope: Scope, shell: string) {
    this.script = script
    this.scope = scope
    this.shell = shell
    this.push("code", "the script")
  }

  read(): Script {
    while (this.at < this.script.length) {
      switch (this.frame.kind) {
        case "code":
          this.code()
          break
        case "double":
          this.double()
          break
        case "braces":
          this.braces()
          break
        case "arithmetic":
          this.arithmetic()
          break
      }
    }
    if (this.frame.kind === "code") this.endWord()
    if (this.typed && this.assigned !== undefined)
      throw templateError(
        "unsafe",
        `${this.assigned} is assigned in a script that declares variables with a type, whose values may be evaluated`
      )
    if (this.frames.length > 1) throw templateError("unfinished", `the script ends inside ${this.frame.what}`)
    this.flush()
    const { here, words } = this.frame
    const command = words.length > 0 && !closers.has(words[words.length - 1]!)
    return { pieces: this.pieces, endsInArguments: command && !this.commented && here.length === 0 }
  }

  private get frame(): Frame {
    return this.frames[this.frames.length - 1]!
  }

  private push(kind: Frame["kind"], what: string, refused?: string): void {
    const inherited = this.frames.length === 0 ? undefined : this.frame.refused
    this.frames.push({
      kind,
      what,
      refused: inherited ?? refused,
      words: [],
      word: -1,
      redirected: false,
      cases: 0,
      inPattern: false,
      parentheses: 0,
      here: []
    })
  }

  private flush(): void {
    if (this.plain !== "") this.pieces.push(this.plain)
    this.plain = ""
  }

  private take(count: number): void {
    this.plain += this.script.slice(this.at, this.at + count)
    this.at += count
  }

  private starts(text: string): boolean {
    return this.script.startsWith(text, this.at)
  }

  private beginWord(): void {
    if (this.frame.word === -1) this.frame.word = this.at
  }

  /** Takes a replacement that begins here, if one does. */
  private replacement(quotes: Exclude<Place["quotes"], "words">): boolean {
    const found = matchAt(this.script, this.at, this.scope)
    if (found === undefined) return false
    const { length, piece } = found
    if (typeof piece === "string") this.plain += piece
    else {
      this.refuse(piece, quotes, length)
      this.flush()
      this.pieces.push({ reference: piece, quotes: quotes === "none" && this.isWord(length) ? "words" : quotes })
    }
    this.at += length
    return true
  }

  /** Nothing before it in its word, nothing behind it, and no redirection. */
  private isWord(length: number): boolean {
    const next = this.script[this.at + length]
    return this.frame.word === this.at && !this.frame.redirected && (next === undefined || /[\s;&|()<>]/.test(next))
  }

  /** Refuses where a value would be read again, however it is quoted. */
  private refuse({ text }: Reference, quotes: Place["quotes"], length: number): void {
    const no = (why: string) => templateError("unsafe", `${text} ${why}`)
    if (this.frame.refused !== undefined) throw no(this.frame.refused)
    if (quotes === "here") return
    const frame = this.frames.findLast(({ kind }) => kind === "code")!
    const before = this.script.slice(frame.word === -1 ? this.at : frame.word, this.at)
    const raw = unquoted(before)
    if (frame.redirected) return
    if (/^[A-Za-z_][A-Za-z0-9_]*\[[^\]]*$/.test(raw) || /^\[[^\]]*$/.test(raw)) throw no("is in a subscript, which shells evaluate")
    const words = frame.words
    const head = headOf(words)
    if (evaluating.has(head)) throw no(`is in an argument of ${head}, which reads it as code`)
    if (declaring.has(head) && assignment.test(raw))
      throw no(`is assigned by ${head}, which evaluates what it gives to an array; assign it in a command of its own`)
    if (naming.has(head) && !assignment.test(raw))
      throw no(`is in an argument of ${head}, which reads it as the name of a variable, and evaluates subscripts in it`)
    if (special.test(raw)) throw no("is given to a variable that the shell evaluates")
    if (assignment.test(raw)) this.assigned ??= text
    const last = words[words.length - 1] ?? ""
    const tests = head === "[" || head === "test" || head === "[["
    if ((last === "-v" || raw.startsWith("-v")) && (tests || head === "printf"))
      throw no(`follows -v of ${head}, which evaluates subscripts in it`)
    if (head === "[[" || (tests && !["sh", "dash", "ash", "bash", "busybox"].includes(this.shell))) {
      this.tested = { text, word: words.length }
      if (arithmeticTest.test(last)) throw no(`is compared by ${last} in ${head}, which evaluates it; compare in [ … ] of sh`)
    }
    const whole = before === "" && quotes === "none" && this.isWord(length)
    if (takesCode.test(last) && words.some(isShell) && !whole)
      throw no(`is in the script of an inner shell, which would read the value as code; write $1 there, and {} behind the script`)
  }

  /** Takes the rest of the word that was being read into account. */
  private endWord(): void {
    const frame = this.frame
    if (frame.word === -1) return
    const word = unquoted(this.script.slice(frame.word, this.at))
    const plain = word.length === this.at - frame.word
    frame.word = -1
    if (frame.redirected) {
      frame.redirected = false
      return
    }
    if (frame.inPattern) {
      if (plain && word === "esac" && frame.words.length === 0) this.esac()
      else frame.words.push(word)
      return
    }
    if (plain && word === "{" && frame.words[0] === "function") {
      frame.words = []
      return
    }
    if (frame.words.length === 0 && plain) {
      if (reserved.has(word) || assignment.test(word)) return
      if (word === "esac" && frame.cases > 0) return this.esac()
    }
    if (plain && word === "in" && frame.words[0] === "case" && frame.words.length === 2) {
      frame.cases++
      frame.inPattern = true
      frame.words = []
      return
    }
    if (this.tested?.word === frame.words.length - 1 && arithmeticTest.test(word))
      throw templateError("unsafe", `${this.tested.text} is compared by ${word}, which evaluates it here; compare in [ … ] of sh`)
    if (typed.test(word) && naming.has(headOf(frame.words))) this.typed = true
    frame.words.push(word)
  }

  private esac(): void {
    this.frame.cases--
    this.frame.inPattern = false
    // As any other word: `esac` ends a command, and an argument behind it would be none.
    this.frame.words = ["esac"]
  }

  private endCommand(): void {
    this.endWord()
    this.frame.words = []
    this.frame.redirected = false
    this.tested = undefined
  }

  private code(): void {
    const c = this.script[this.at]!
    const frame = this.frame
    if (c === "\\") {
      this.beginWord()
      return this.take(2)
    }
    if (c === "#" && frame.word === -1) {
      const end = this.script.indexOf("\n", this.at)
      this.commented = end === -1
      return this.take((end === -1 ? this.script.length : end) - this.at)
    }
    if (frame.words[0] === "[[" && frame.words[frame.words.length - 1] !== "]]" && /[\n&|()<>]/.test(c)) {
      // Operators of the test: it is one command to its end.
      this.endWord()
      return this.take(1)
    }
    if (c === "\n") {
      this.endCommand()
      this.take(1)
      return this.hereDocuments()
    }
    if (c === " " || c === "\t" || c === "\r") {
      this.endWord()
      return this.take(1)
    }
    if (c === ";" || c === "&" || c === "|") {
      // `&>file` and `>&2` are redirections, and end no command.
      if (c === "&" && this.starts("&>")) {
        this.endWord()
        frame.redirected = true
        return this.take(2)
      }
      this.endCommand()
      const end = /^;(?:;&|;|&)/.exec(this.script.slice(this.at, this.at + 3))
      if (end !== null && frame.cases > 0) frame.inPattern = true
      return this.take(end?.[0].length ?? 1)
    }
    if (c === "(") return this.open()
    if (c === ")") return this.close()
    if (c === "<" || c === ">") return this.redirection()
    this.beginWord()
    if (this.replacement("none")) return
    if (c === "'") return this.single()
    if (c === '"') {
      this.push("double", "double quotes")
      return this.take(1)
    }
    if (this.expansion()) return
    this.take(1)
  }

  private open(): void {
    const frame = this.frame
    // `a=(` and `name()` go on with their word; what is inside is code all the same.
    this.endWord()
    if (this.starts("((")) {
      const why = "is inside (( … )), which some shells evaluate; for a subshell in a subshell write a space between the parentheses"
      this.push("code", "( … )", why)
      return this.take(1)
    }
    if (frame.inPattern) return this.take(1)
    // `name()` is followed by the commands of the function, a subshell by nothing.
    const process = /[<>]/.test(this.script[this.at - 1] ?? "")
    if (frame.words.length <= 1 && !process) frame.words = []
    this.push("code", "( … )")
    this.take(1)
  }

  private close(): void {
    const frame = this.frame
    this.endWord()
    if (frame.inPattern) {
      frame.inPattern = false
      frame.words = []
      return this.take(1)
    }
    if (this.frames.length > 1) {
      if (frame.here.length > 0) throw templateError("unfinished", "a here-document begins inside ( … ) and does not end there")
      this.frames.pop()
    }
    this.take(1)
  }

  private redirection(): void {
    const frame = this.frame
    // The number of a descriptor, or bash's `{name}`, is no word of the command.
    if (frame.word !== -1 && /^(?:\d+|\{\w+\})$/.test(this.script.slice(frame.word, this.at))) frame.word = -1
    this.endWord()
    if (this.starts("<<") && !this.starts("<<<")) return this.hereOperator()
    const operator = /^(?:<<<|<&|<>|>>|>&|>\||<|>)/.exec(this.script.slice(this.at, this.at + 3))![0]
    this.take(operator.length)
    // `<(command)` is bash's, and no redirection.
    if (this.starts("(")) return
    frame.redirected = true
  }

  private hereOperator(): void {
    const tabs = this.starts("<<-")
    this.take(tabs ? 3 : 2)
    while (this.starts(" ") || this.starts("\t")) this.take(1)
    const from = this.at
    let quote = ""
    for (; this.at < this.script.length; this.at++) {
      const c = this.script[this.at]!
      if (quote === "" && /[\s;&|()<>]/.test(c)) break
      if (quote === "" && (c === "'" || c === '"')) quote = c
      else if (c === quote) quote = ""
      else if (c === "\\" && quote !== "'") this.at++
      const found = matchAt(this.script, this.at, this.scope)
      if (found !== undefined && typeof found.piece !== "string")
        throw templateError("unsafe", `${found.piece.text} is the delimiter of a here-document, which shells do not expand`)
    }
    const word = this.script.slice(from, this.at)
    this.plain += word
    const delimiter = unquoted(word)
    this.frame.here.push({ delimiter, quoted: delimiter.length !== word.length, tabs })
  }

  private hereDocuments(): void {
    for (const { delimiter, quoted, tabs } of this.frame.here) {
      let expansion = false
      for (let ended = false; !ended && this.at < this.script.length;) {
        const newline = this.script.indexOf("\n", this.at)
        const end = newline === -1 ? this.script.length : newline + 1
        const line = this.script.slice(this.at, newline === -1 ? end : newline)
        ended = (tabs ? line.replace(/^\t+/, "") : line) === delimiter
        while (this.at < end && !ended) {
          if (!quoted && this.starts("\\")) {
            this.take(2)
            continue
          }
          if (!quoted && (this.starts("`") || this.starts("$(") || this.starts("${"))) expansion = true
          const found = matchAt(this.script, this.at, this.scope)
          if (found === undefined) {
            this.take(1)
            continue
          }
          if (typeof found.piece !== "string") {
            const { text } = found.piece
            if (quoted)
              throw templateError(
                "unsafe",
                `${text} is in a here-document whose delimiter is quoted, and would not be expanded; leave the quotes out`
              )
            if (expansion)
              throw templateError("unsafe", `${text} is in a here-document behind an expansion; give what it expands to a variable first`)
          }
          this.replacement("here")
        }
        if (ended) this.take(end - this.at)
      }
    }
    this.frame.here = []
  }

  /** Everything to the next single quote is itself. */
  private single(): void {
    this.take(1)
    while (this.at < this.script.length) {
      if (this.starts("'")) return this.take(1)
      if (!this.replacement("single")) this.take(1)
    }
    throw templateError("unfinished", "the script ends inside single quotes")
  }

  /** Begins what `$` or a back-quote begins, in code and in double quotes. */
  private expansion(): boolean {
    if (this.starts("`")) {
      this.backQuotes()
      return true
    }
    if (!this.starts("$")) return false
    const isCode = this.frame.kind === "code"
    if (isCode && this.starts("$'")) this.ansi()
    else if (this.starts("$((")) {
      this.push(
        "arithmetic",
        "$(( … ))",
        "is inside $(( … )), which evaluates it; for a subshell in a substitution write a space between the parentheses"
      )
      this.take(3)
    } else if (this.starts("$[")) {
      throw templateError("unsafe", "$[ … ] is arithmetic for some shells and text for others; write $(( … ))")
    } else if (this.starts("$(")) {
      this.take(2)
      this.push("code", "$( … )")
    } else if (this.starts("${")) {
      this.push(
        "braces",
        "${ … }",
        "is inside ${ … }, where its meaning depends on what stands before it; give the value to a variable first"
      )
      this.take(2)
    } else this.take(1)
    return true
  }

  private double(): void {
    if (this.starts("\\")) return this.take(2)
    if (this.starts('"')) {
      this.frames.pop()
      return this.take(1)
    }
    if (this.replacement("double") || this.expansion()) return
    this.take(1)
  }

  private braces(): void {
    if (this.starts("\\")) return this.take(2)
    if (this.starts("}")) {
      this.frames.pop()
      return this.take(1)
    }
    if (this.starts("'")) {
      // Shells do not agree whether such a quote is one.
      if (this.frames.some(({ kind }) => kind === "double"))
        throw templateError("unsafe", "a single quote inside ${ … } inside double quotes is read differently by different shells")
      return this.single()
    }
    if (this.starts('"')) {
      this.push("double", "double quotes")
      return this.take(1)
    }
    if (this.replacement("none") || this.expansion()) return
    this.take(1)
  }

  private arithmetic(): void {
    const frame = this.frame
    if (this.starts("\\")) return this.take(2)
    if (this.starts("))") && frame.parentheses === 0) {
      this.frames.pop()
      return this.take(2)
    }
    if (this.replacement("none") || this.expansion()) return
    if (this.starts("(")) frame.parentheses++
    if (this.starts(")")) frame.parentheses--
    this.take(1)
  }

  private backQuotes(): void {
    this.take(1)
    while (this.at < this.script.length) {
      if (this.starts("`")) return this.take(1)
      const found = matchAt(this.script, this.at, this.scope)
      if (found !== undefined && typeof found.piece !== "string")
        throw templateError("unsafe", `${found.piece.text} is inside back-quotes, which are read twice; write $( … )`)
      this.take(this.starts("\\") ? 2 : 1)
    }
    throw templateError("unfinished", "the script ends inside back-quotes")
  }

  /** `$'…'`, where bash knows escapes and sh does not. */
  private ansi(): void {
    this.take(2)
    while (this.at < this.script.length) {
      if (this.starts("'")) return this.take(1)
      if (this.starts("\\'")) throw templateError("unsafe", "$'…' with a quote inside is read differently by different shells")
      const found = matchAt(this.script, this.at, this.scope)
      if (found !== undefined && typeof found.piece !== "string")
        throw templateError("unsafe", `${found.piece.text} is inside $'…', which not all shells know; use other quotes`)
      this.take(this.starts("\\") ? 2 : 1)
    }
    throw templateError("unfinished", "the script ends inside $'…'")
  }
}

/** A word without its quotes and backslashes, as far as it takes to recognise one. */
const unquoted = (word: string): string => word.replace(/\\\n|[\\'"]/g, "")
