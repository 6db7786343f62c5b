/**
 * Tells, for schemas that describe plain JSON data, whether a value is its own JSON form: then it needs no encoding, only a look.
 *
 * The look is stricter than the schema. It says no to whatever JSON would change (NaN, -0, `undefined`, fields that the schema does not know, objects with a prototype), and such a value takes the way through the
 * schema. So a wrong "no" costs time and a wrong "yes" cannot be.
 */
import type * as SchemaAST from "effect/SchemaAST"

export type Look = (value: unknown) => boolean

/** The look for a schema; none where the schema describes more than plain JSON data. */
export const lookOf = (ast: SchemaAST.AST): Look | undefined => new Looks().of(ast)

class Looks {
  private readonly suspended = new Map<SchemaAST.AST, Look | "open">()

  of(ast: SchemaAST.AST): Look | undefined {
    if (ast.encoding !== undefined) return undefined
    const look = this.shapeOf(ast)
    return look === undefined || ast.checks === undefined ? look : checked(look, ast)
  }

  private shapeOf(ast: SchemaAST.AST): Look | undefined {
    switch (ast._tag) {
      case "String":
        return isString
      case "Number":
        return isNumber
      case "Boolean":
        return isBoolean
      case "Null":
        return isNull
      case "Literal": {
        const { literal } = ast
        return typeof literal === "bigint" || Object.is(literal, -0) ? undefined : (value) => value === literal && !Object.is(value, -0)
      }
      case "Objects":
        return ast.encodingChecks === undefined ? this.ofObjects(ast) : undefined
      case "Arrays":
        return ast.encodingChecks === undefined ? this.ofArrays(ast) : undefined
      case "Union":
        return ast.encodingChecks === undefined && ast.options?.mode !== "oneOf" ? this.ofUnion(ast.types) : undefined
      case "Suspend":
        return this.ofSuspended(ast)
      default:
        return undefined
    }
  }

  private ofUnion(types: ReadonlyArray<SchemaAST.AST>): Look | undefined {
    const looks = this.all(types)
    if (looks === undefined || looks.length === 0) return undefined
    if (looks.length === 1) return looks[0]
    return (value) => {
      for (const look of looks) if (look(value)) return true
      return false
    }
  }

  private all(asts: ReadonlyArray<SchemaAST.AST>): Array<Look> | undefined {
    const looks: Array<Look> = []
    for (const ast of asts) {
      const look = this.of(ast)
      if (look === undefined) return undefined
      looks.push(look)
    }
    return looks
  }

  private ofObjects(ast: SchemaAST.Objects): Look | undefined {
    const names: Array<string> = []
    const optional: Array<boolean> = []
    const looks: Array<Look> = []
    for (const { name, type } of ast.propertySignatures) {
      if (typeof name !== "string") return undefined
      const isOptional = type.context?.isOptional === true
      // `Schema.optional(X)` is a key that may be missing or hold `undefined`: the missing one is plain.
      const look =
        isOptional && type._tag === "Union" && type.checks === undefined && type.encoding === undefined
          ? this.ofUnion(type.types.filter((member) => member._tag !== "Undefined"))
          : this.of(type)
      if (look === undefined) return undefined
      names.push(name)
      optional.push(isOptional)
      looks.push(look)
    }
    if (ast.indexSignatures.length > 0) return names.length > 0 ? undefined : this.ofRecord(ast.indexSignatures)
    if (names.length === 0) return undefined
    const { length } = names
    return (value) => {
      if (!isPlainObject(value)) return false
      let known = 0
      for (let i = 0; i < length; i++) {
        const name = names[i]!
        const field = value[name]
        if (field === undefined) {
          if (!optional[i] || name in value) return false
        } else if (looks[i]!(field)) known++
        else return false
      }
      for (const _ in value) known--
      return known === 0
    }
  }

  private ofRecord(signatures: ReadonlyArray<SchemaAST.IndexSignature>): Look | undefined {
    if (signatures.length !== 1) return undefined
    const { parameter, type } = signatures[0]!
    if (parameter._tag !== "String" || parameter.checks !== undefined || parameter.encoding !== undefined) return undefined
    const look = this.of(type)
    if (look === undefined) return undefined
    return (value) => {
      if (!isPlainObject(value)) return false
      for (const key in value) if (!look(value[key])) return false
      return true
    }
  }

  private ofArrays(ast: SchemaAST.Arrays): Look | undefined {
    const elements = this.all(ast.elements)
    const rest = this.all(ast.rest)
    if (elements === undefined || rest === undefined || rest.length > 1) return undefined
    if (ast.elements.some((element) => element.context?.isOptional === true)) return undefined
    const each = rest[0]
    const { length } = elements
    return (value) => {
      if (!Array.isArray(value) || Object.getPrototypeOf(value) !== Array.prototype || writesItself(value)) return false
      if (each === undefined ? value.length !== length : value.length < length) return false
      for (let i = 0; i < length; i++) if (!elements[i]!(value[i])) return false
      for (let i = length; i < value.length; i++) if (!each!(value[i])) return false
      return true
    }
  }

  /** A recursive schema meets itself while its look is made; the look is there when the first value comes. */
  private ofSuspended(ast: SchemaAST.Suspend): Look | undefined {
    const target = ast.thunk()
    const known = this.suspended.get(target)
    if (known !== undefined) {
      return (value) => {
        const look = this.suspended.get(target)
        return typeof look === "function" && look(value)
      }
    }
    this.suspended.set(target, "open")
    const look = this.of(target)
    if (look !== undefined) this.suspended.set(target, look)
    return look
  }
}

const checked = (look: Look, ast: SchemaAST.AST): Look => {
  const runs = ast.checks!.flatMap(filtersOf)
  return (value) => {
    if (!look(value)) return false
    for (const run of runs) if (run(value, ast, {}) !== undefined) return false
    return true
  }
}

const filtersOf = (check: SchemaAST.Check<any>): ReadonlyArray<SchemaAST.Filter<any>["run"]> =>
  check._tag === "Filter" ? [check.run.bind(check)] : check.checks.flatMap(filtersOf)

const isString: Look = (value) => typeof value === "string"
const isBoolean: Look = (value) => typeof value === "boolean"
const isNull: Look = (value) => value === null
/** Finite, and not -0. */
const isNumber: Look = (value) => typeof value === "number" && value - value === 0 && (value !== 0 || 1 / value > 0)

const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && !writesItself(value)
}

/** `JSON.stringify` would ask it for something else. */
const writesItself = (value: object): boolean => typeof (value as { readonly toJSON?: unknown }).toJSON === "function"
