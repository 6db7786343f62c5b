/** Reads the options of `Task.make` and `TaskStream.make`, and refuses wrong ones at once. */
import * as Settings from "@skein/core/Settings"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Definition } from "../TaskRunner.ts"
import type { AnySchema } from "./taskCodec.ts"
import type { SharedLayer } from "./taskLayer.ts"

export interface Read {
  readonly definition: Definition
  readonly payload: AnySchema
  readonly success: AnySchema
  readonly error: AnySchema
  readonly run: ((payload: unknown) => unknown) | undefined
  readonly layer: ConstructorParameters<typeof SharedLayer>[1] | undefined
}

const schemas = ["payload", "success", "error"]
const ofEffect = ["module", "export", "run", "layer", ...schemas]

/** Reads the options of `Task.make`. */
export const read = (name: unknown, options: unknown): Read => new Reader("Task.make", name, options).any()

/** Reads the options of a task that is an effect in any case, without `idempotent`. */
export const readStream = (name: unknown, options: unknown): Read => {
  const reader = new Reader("TaskStream.make", name, options)
  reader.known(ofEffect)
  return reader.effect()
}

class Reader {
  private readonly where: string
  private readonly name: string
  private readonly given: unknown
  private readonly options: { readonly [key: string]: unknown }

  constructor(where: string, name: unknown, options: unknown) {
    if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
    this.where = where
    this.name = name
    this.given = options
    this.options = (typeof options === "object" && options !== null ? options : {}) as { readonly [key: string]: unknown }
  }

  known(names: ReadonlyArray<string>): void {
    Settings.known(this.where, this.given, names)
  }

  any(): Read {
    const isHandler = "handler" in this.options
    this.known([...(isHandler ? ["handler", ...schemas] : ofEffect), "idempotent"])
    return isHandler ? this.handler() : this.effect()
  }

  private handler(): Read {
    const { options: o, where } = this
    const rest = this.rest()
    const handler = o["handler"]
    if (typeof handler !== "object" || handler === null) throw Settings.mustBe(where, "handler", "{ module, export }", handler)
    Settings.known(where, handler, ["module", "export"])
    const { export: exported, module } = handler as { readonly module?: unknown; readonly export?: unknown }
    const { url } = moduleOf(where, "handler.module", module)
    return {
      ...rest.schemas,
      definition: { ...rest.known, kind: "handler", main: false, module: url, export: exportOf(where, "handler.export", exported) },
      run: undefined,
      layer: undefined
    }
  }

  effect(): Read {
    const { name, options: o, where } = this
    const rest = this.rest()
    const { layer, run } = o
    if (typeof run !== "function") throw Settings.mustBe(where, "run", "a function", run)
    if (layer !== undefined && !Layer.isLayer(layer)) throw Settings.mustBe(where, "layer", "a Layer", layer)
    const { main, url } = o["module"] === undefined ? { url: "", main: false } : moduleOf(where, "module", o["module"])
    const exported = o["export"] === undefined ? name : exportOf(where, "export", o["export"])
    return {
      ...rest.schemas,
      definition: { ...rest.known, kind: "effect", main, module: url, export: exported },
      run: run as Read["run"],
      layer: layer as Read["layer"]
    }
  }

  private rest() {
    const { name, options: o, where } = this
    const { error, idempotent } = o
    const schemas = {
      payload: schemaOf(where, "payload", o["payload"]),
      success: schemaOf(where, "success", o["success"]),
      error: error === undefined ? (Schema.Never as AnySchema) : schemaOf(where, "error", error)
    }
    if (idempotent !== undefined && typeof idempotent !== "boolean") throw Settings.mustBe(where, "idempotent", "a boolean", idempotent)
    return { schemas, known: { name, idempotent: idempotent === true } }
  }
}

const schemaOf = (where: string, option: string, value: unknown): AnySchema => {
  if (Schema.isSchema(value)) return value as unknown as AnySchema
  throw Settings.mustBe(where, option, "a Schema", value)
}

const exportOf = (where: string, option: string, value: unknown): string => {
  if (typeof value === "string" && value !== "") return value
  throw Settings.mustBe(where, option, "the name of an export", value)
}

/** The URL of a module, and whether it is the one that started the program, where that can be seen. */
const moduleOf = (where: string, option: string, value: unknown): { readonly url: string; readonly main: boolean } => {
  if (value instanceof URL) return { url: value.href, main: false }
  const text = typeof value === "string" ? value : (value as { readonly url?: unknown } | null | undefined)?.url
  if (typeof text === "string" && URL.canParse(text)) {
    return { url: text, main: typeof value === "object" && (value as { readonly main?: unknown }).main === true }
  }
  throw Settings.mustBe(
    where,
    option,
    "import.meta, a URL, or the text of an absolute one",
    typeof value === "object" && value !== null ? text : value
  )
}
