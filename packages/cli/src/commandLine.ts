/** Splits the words after `skein run` into flags, the command, and the groups of arguments that follow it. It knows which flags take a value, and nothing of what they mean. */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { nearest } from "./suggest.ts"

/** A flag, as far as splitting needs to know it. */
export interface FlagShape {
  /** The long name, without dashes. */
  readonly name: string
  /** Other names: one letter is a short flag, a longer one is a long flag. */
  readonly alias?: string | ReadonlyArray<string> | undefined
  /** `one`: the next word, or what follows in the same. `optional`: only what follows `=`, or the letter. */
  readonly value: "none" | "one" | "optional"
}

/** One `:::` with its words. */
export interface Group {
  /** `files`: `::::`, whose words name files; `-` is standard input. */
  readonly kind: "arguments" | "files"
  /** `:::+`: goes step by step with the group before, instead of being crossed with it. */
  readonly linked: boolean
  readonly words: ReadonlyArray<string>
}

export interface Split {
  /** Under their long names, with the value in the same word: `--jobs=4`, `--quiet`. In the order given, repeated ones included. */
  readonly flags: ReadonlyArray<string>
  /** Empty where there is none. */
  readonly command: ReadonlyArray<string>
  readonly groups: ReadonlyArray<Group>
}

/** The words cannot be split. The message is for people. */
export class CommandLineError extends Data.TaggedError("CommandLineError")<{
  readonly reason: "unknown-flag" | "missing-value" | "unexpected-value" | "nothing-to-link"
  readonly message: string
}> {}

const separators: ReadonlyMap<string, Pick<Group, "kind" | "linked">> = new Map([
  [":::", { kind: "arguments", linked: false }],
  [":::+", { kind: "arguments", linked: true }],
  ["::::", { kind: "files", linked: false }],
  ["::::+", { kind: "files", linked: true }]
])

const spelled = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`)

/** Where flags are looked for: before the first word that is none, since what follows is a command with flags of its own, or also behind it. */
export type Place = "before words" | "among words"

/** Splits the words. Flags end at `--`, at `:::` and its kin, and where `place` says so; from there on dashes mean nothing, and only `:::` and its kin cut. */
export const split = (
  argv: ReadonlyArray<string>,
  shapes: ReadonlyArray<FlagShape>,
  place: Place = "before words"
): Result.Result<Split, CommandLineError> => {
  const named = new Map<string, FlagShape>()
  for (const shape of shapes) {
    named.set(shape.name, shape)
    for (const alias of typeof shape.alias === "string" ? [shape.alias] : (shape.alias ?? [])) named.set(alias, shape)
  }
  const flags: Array<string> = []
  const command: Array<string> = []
  let at = 0
  const next = (): string | undefined => {
    const word = argv[at]
    if (word === undefined || word === "--" || separators.has(word)) return undefined
    at++
    return word
  }
  const fail = (reason: CommandLineError["reason"], message: string) => Result.fail(new CommandLineError({ reason, message }))
  const unknown = (name: string, word: string) => {
    // One letter is as near as any other; only a letter with two dashes says what was meant.
    const long = [...named.keys()].filter((known) => known.length > 1)
    const meant = word.startsWith("--") ? (named.has(name) ? name : nearest(name, long)) : undefined
    const hint = meant === undefined ? "" : `; did you mean ${spelled(meant)}?`
    return fail("unknown-flag", `unknown flag ${word}${hint}`)
  }
  const missing = (shape: FlagShape, name: string) => fail("missing-value", `${spelled(name)} needs a value, as in --${shape.name}=VALUE`)

  for (let word = argv[at]; word !== undefined && !separators.has(word); word = argv[at]) {
    const isFlag = word.startsWith("-") && word.length > 1
    if (!isFlag && place === "before words") break
    at++
    if (word === "--") break
    if (!isFlag) {
      command.push(word)
      continue
    }
    if (word.startsWith("--")) {
      const equals = word.indexOf("=")
      const name = equals === -1 ? word.slice(2) : word.slice(2, equals)
      const shape = name.length > 1 ? named.get(name) : undefined
      if (shape === undefined) return unknown(name, `--${name}`)
      if (equals !== -1) {
        if (shape.value === "none")
          return fail("unexpected-value", `--${name} takes no value, got ${JSON.stringify(word.slice(equals + 1))}`)
        flags.push(`--${shape.name}${word.slice(equals)}`)
        continue
      }
      const value = shape.value === "one" ? next() : undefined
      if (shape.value === "one" && value === undefined) return missing(shape, name)
      flags.push(value === undefined ? `--${shape.name}` : `--${shape.name}=${value}`)
      continue
    }
    for (let i = 1; i < word.length; i++) {
      const letter = word[i]!
      const shape = named.get(letter)
      if (shape === undefined) return unknown(letter, word.length === 2 ? word : `-${letter} in ${word}`)
      if (shape.value === "none") {
        flags.push(`--${shape.name}`)
        continue
      }
      const rest = word.slice(i + 1)
      // `-j=4` is what users of long flags try; no flag of ours has a value that begins with "=".
      const own = rest.startsWith("=") ? rest.slice(1) : rest === "" ? undefined : rest
      const value = own ?? (shape.value === "one" ? next() : undefined)
      if (shape.value === "one" && value === undefined) return missing(shape, letter)
      flags.push(value === undefined ? `--${shape.name}` : `--${shape.name}=${value}`)
      break
    }
  }

  const groups: Array<Group> = []
  let words = command
  for (const word of argv.slice(at)) {
    const separator = separators.get(word)
    if (separator === undefined) {
      words.push(word)
      continue
    }
    if (separator.linked && groups.length === 0)
      return fail("nothing-to-link", `${word} goes step by step with the group before it, and there is none; write ${word.slice(0, -1)}`)
    words = []
    groups.push({ ...separator, words })
  }
  return Result.succeed({ flags, command, groups })
}
