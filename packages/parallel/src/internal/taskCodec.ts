/**
 * Makes texts of values and values of texts, by a schema, once for all calls of a task.
 *
 * Where the schema describes plain JSON data and the value is plain, the value is its own JSON form: it is looked at, written, and on the other side, which is ours and was given a checked text, only parsed. Any
 * other value goes through `Schema.toCodecJson`, both ways, and its text says so where that is not clear from the schema.
 */
import * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import type { Wire } from "../TaskRunner.ts"
import * as json from "./taskJson.ts"
import * as parts from "./taskParts.ts"
import { type Look, lookOf } from "./taskPlain.ts"

/** A schema that needs no services. */
export type AnySchema = Schema.ConstraintCodec<unknown, unknown>

/** A value does not fit its schema, or cannot travel; the message names the place. */
export class Misfit extends Error {}

/** Begins the text of a value that must be decoded although its schema is plain. No JSON text begins like that. */
const transformed = "!"

export class Codec {
  private readonly look: Look | undefined
  private readonly encodeBySchema: (value: unknown) => unknown
  private readonly decodeBySchema: (value: unknown) => unknown
  private readonly checkType: (value: unknown) => unknown
  /** To see whether a value could travel it has to be encoded: its type alone does not say. */
  private readonly mustEncode: boolean
  /** Its values are numbers, which can travel as they are. */
  readonly isNumber: boolean
  private readonly isAnyNumber: boolean
  /** Its values are typed arrays that are copied on their way: of this type. */
  readonly bytes: string | undefined

  constructor(schema: AnySchema) {
    const wire = Schema.toCodecJson(schema)
    this.look = lookOf(schema.ast)
    this.encodeBySchema = Schema.encodeUnknownSync(wire)
    this.decodeBySchema = Schema.decodeUnknownSync(wire)
    this.checkType = Schema.encodeUnknownSync(Schema.toType(schema) as unknown as AnySchema)
    this.mustEncode = this.look === undefined && isOpen(schema.ast, new Set())
    this.bytes = parts.copiedArrays.get(schema)
    this.isNumber = schema.ast._tag === "Number" && schema.ast.encoding === undefined
    this.isAnyNumber = this.isNumber && schema.ast.checks === undefined
  }

  /** Why a value could not travel; nothing is written or copied where that can be avoided. */
  check(value: unknown): string | undefined {
    try {
      if (this.look?.(value) === true) return undefined
      if (this.mustEncode) this.write(value)
      else this.checkType(value)
      return undefined
    } catch (error) {
      return reasonOf(error)
    }
  }

  /** Whether a value is a number that fits. */
  fitsNumber(value: unknown): value is number {
    return typeof value === "number" && (this.isAnyNumber || this.look?.(value) === true || this.check(value) === undefined)
  }

  /** Whether a value is a typed array that fits. */
  fitsBytes(value: unknown): boolean {
    const Type = (globalThis as Record<string, unknown>)[this.bytes!] as new () => unknown
    return value instanceof Type && !parts.isGone(value)
  }

  /** Whether a value is its own JSON form, and needs only a look where it arrives. */
  isPlain(value: unknown): boolean {
    return this.look?.(value) === true
  }

  /** Whether values may be their own JSON form at all. */
  get mayBePlain(): boolean {
    return this.look !== undefined
  }

  /** The text of a value as one of many, where its parts are collected for all of them; what a value put down that does not fit is picked up again. Nothing where it has to travel alone and is not the first. */
  writeOne(value: unknown, first: boolean): string | undefined {
    try {
      return parts.attempt(() => this.write(value), first)
    } catch (error) {
      throw new Misfit(reasonOf(error))
    }
  }

  /** The wire for a worker that holds the same schema. */
  toWire(value: unknown): Wire {
    try {
      if (this.look === undefined) return parts.collect(() => this.write(value))
      return { text: this.look(value) ? JSON.stringify(value) : transformed + this.write(value) }
    } catch (error) {
      throw new Misfit(reasonOf(error))
    }
  }

  fromWire(wire: Wire): unknown {
    const { text } = wire
    try {
      if (this.look === undefined) return parts.deliver(wire, (text) => this.decodeBySchema(JSON.parse(text)))
      return text.startsWith(transformed) ? this.decodeBySchema(JSON.parse(text.slice(1))) : JSON.parse(text)
    } catch (error) {
      throw new Misfit(reasonOf(error))
    }
  }

  /** The wire for one who reads JSON and knows no schema. */
  toPlainWire(value: unknown): Wire {
    try {
      if (this.look?.(value) === true) return { text: JSON.stringify(value) }
      return parts.collect(() => this.write(value))
    } catch (error) {
      throw new Misfit(reasonOf(error))
    }
  }

  /** Reads what somebody wrote who knows no schema: it is checked. */
  fromPlainWire(wire: Wire): unknown {
    try {
      if (this.look !== undefined) {
        const value: unknown = JSON.parse(wire.text)
        return this.look(value) ? value : this.decodeBySchema(value)
      }
      return parts.deliver(wire, (text) => this.decodeBySchema(JSON.parse(text)))
    } catch (error) {
      throw new Misfit(reasonOf(error))
    }
  }

  /** The JSON text of a value, as part of a larger one. */
  write(value: unknown): string {
    return json.write(this.encodeBySchema(value))
  }

  /** Reads the parsed form of what `write` gave. */
  read(value: unknown): unknown {
    try {
      return this.decodeBySchema(value)
    } catch (error) {
      throw new Misfit(reasonOf(error))
    }
  }
}

const codecs = new WeakMap<AnySchema, Codec>()

/** The codec of a schema. */
export const codecOf = (schema: AnySchema): Codec => {
  let codec = codecs.get(schema)
  if (codec === undefined) codecs.set(schema, (codec = new Codec(schema)))
  return codec
}

/** Whether a schema accepts values that it says too little about: it may let a function through. */
const isOpen = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  const open = (one: SchemaAST.AST): boolean => isOpen(one, seen)
  switch (ast._tag) {
    case "Any":
    case "Unknown":
    case "ObjectKeyword":
    case "Symbol":
      return true
    case "Declaration": {
      const annotations = ast.annotations
      if (typeof (annotations?.["toCodecJson"] ?? annotations?.["toCodec"]) !== "function") return true
      return ast.typeParameters.some(open)
    }
    case "Objects":
      return ast.propertySignatures.some(({ type }) => open(type)) || ast.indexSignatures.some(({ type }) => open(type))
    case "Arrays":
      return ast.elements.some(open) || ast.rest.some(open)
    case "Union":
      return ast.types.some(open)
    case "Suspend":
      return open(ast.thunk())
    default:
      return false
  }
}

/** The message of a schema names the place in the value; of a transformation that threw, what it threw. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (Cause.isCause(error.cause)) return `${error.message}: ${Cause.pretty(error.cause)}`
  if (error instanceof RangeError && error.message.startsWith("Maximum call stack")) return "it is cyclic, or nested too deep"
  return error.message
}
