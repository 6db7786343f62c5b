/** Makes jobs: a template and an input become what runs, what is shown, and the key under which it is remembered. */
import * as Result from "effect/Result"
import * as CommandLine from "effect/process/CommandLine"
import { hash } from "node:crypto"
import type { Input, Job, Program } from "./job.ts"
import * as shellTemplate from "./shellTemplate.ts"
import * as template from "./template.ts"
import type { Reference, Scope, TemplateError } from "./template.ts"

export interface Options {
  readonly command: ReadonlyArray<string>
  /**
   * The command is a script for this shell, and values are its parameters. Left out: no shell, the command is an argument list.
   */
  readonly shell?: string | undefined
  /** Stands for the input, instead of `{}`. */
  readonly replacement?: string | undefined
  /**
   * Where the command has no replacement: `input` puts `{}` behind it, `nothing` leaves it (`-N0`).
   *
   * @default "input"
   */
  readonly append?: "input" | "nothing" | undefined
  /** From the source. */
  readonly kind: "values" | "records"
  readonly names?: ReadonlyArray<string> | undefined
  readonly width?: number | undefined
}

/** Fails where the input lacks a field or a value that the template names, which can be known only now if no header said so. */
export type MakeJob = (input: Input, seq: number) => Result.Result<Job, TemplateError>

/** What both kinds of templates do. */
interface Recipe {
  /** A hash of all that decides what an input makes of itself. */
  readonly digest: string
  readonly needs: ReadonlyArray<Reference>
  readonly program: (input: Input, seq: number, slot: number) => Program
  readonly text: (input: Input, seq: number) => string
}

const sha256 = (text: string): string => hash("sha256", text, "hex")

/** Text and key are made when they are asked for, once: of most jobs of a long run only one of them is. */
class MadeJob implements Job {
  readonly seq: number
  readonly input: Input
  private readonly recipe: Recipe
  private madeText: string | undefined
  private madeKey: string | undefined

  constructor(recipe: Recipe, input: Input, seq: number) {
    this.recipe = recipe
    this.input = input
    this.seq = seq
  }

  get text(): string {
    return (this.madeText ??= this.recipe.text(this.input, this.seq))
  }

  get key(): string {
    // JSON is one way of writing strings and their boundaries that cannot be mistaken. Neither seq nor slot: the same work stands elsewhere in another input.
    const { fields, values } = this.input
    return (this.madeKey ??= sha256(
      `${this.recipe.digest}${JSON.stringify([values, fields === undefined ? null : Object.entries(fields)])}`
    ))
  }

  program(slot: number): Program {
    return this.recipe.program(this.input, this.seq, slot)
  }
}

/** Reads the template once. Jobs are objects of a class: `{ ...job }` would lose their text, key and program. */
export const make = (options: Options): Result.Result<MakeJob, TemplateError> => {
  const { append = "input", command, kind, names, replacement, shell, width } = options
  const scope: Scope = { kind, names, width, replacement }
  const digest = sha256(JSON.stringify(["skein job 1", shell ?? null, replacement ?? null, append, kind, command]))
  const recipe = shell === undefined ? ofWords(command, scope, append, digest) : ofScript(command, shell, scope, append, digest)
  return Result.map(recipe, (recipe): MakeJob => (input, seq) => {
    const error = recipe.needs.length === 0 ? undefined : template.missing(recipe.needs, input, seq)
    return error === undefined ? Result.succeed(new MadeJob(recipe, input, seq)) : Result.fail(error)
  })
}

const ofWords = (
  command: ReadonlyArray<string>,
  scope: Scope,
  append: "input" | "nothing",
  digest: string
): Result.Result<Recipe, TemplateError> =>
  Result.map(template.parse(command, scope, append), ({ needs, render }) => ({
    digest,
    needs,
    program: (input, seq, slot) => {
      const [program = "", ...args] = render(input, seq, slot)
      return { program, args }
    },
    text: (input, seq) => shown(render(input, seq, "{%}"))
  }))

const ofScript = (
  command: ReadonlyArray<string>,
  shell: string,
  scope: Scope,
  append: "input" | "nothing",
  digest: string
): Result.Result<Recipe, TemplateError> =>
  Result.map(shellTemplate.parse(command.join(" "), shell, scope, append), ({ needs, render, text }) => ({
    digest,
    needs,
    program: (input, seq, slot) => {
      const { parameters, script } = render(input, seq, slot)
      // The name is what the shell's messages begin with.
      return { program: shell, args: ["-c", script, "skein", ...parameters] }
    },
    text
  }))

/** No input has a NUL, the one thing that cannot be quoted; the words of a command cannot have one, either. */
const shown = (words: ReadonlyArray<string>): string => Result.getOrElse(CommandLine.join(words), () => words.join(" "))
