/** Reads the options of `Task.make`, and refuses wrong ones at once. */
import * as Settings from "@skein/core/Settings"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Definition } from "../TaskRunner.ts"
import type { AnySchema } from "./taskCodec.ts"
import type { SharedLayer } from "./taskLayer.ts"

const where = "Task.make"

export interface Read {
  readonly definition: Definition
  readonly payload: AnySchema
  readonly success: AnySchema
  readonly error: AnySchema
  readonly run: ((payload: unknown) => unknown) | undefined
  readonly layer: ConstructorParameters<typeof SharedLayer>[1] | undefined
}

const shared = ["payload", "success", "error", "idempotent"]

export const read = (name: unknown, options: unknown): Read => {
  if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
  const o = (typeof options === "object" && options !== null ? options : {}) as { readonly [key: string]: unknown }
  const isHandler = "handler" in o
  Settings.known(where, options, isHandler ? ["handler", ...shared] : ["module", "export", "run", "layer", ...shared])
  const schemas = { payload: schema("payload", o["payload"]), success: schema("success", o["success"]) }
  const error = o["error"] === undefined ? (Schema.Never as AnySchema) : schema("error", o["error"])
  const { idempotent, layer, run } = o
  if (idempotent !== undefined && typeof idempotent !== "boolean") throw Settings.mustBe(where, "idempotent", "a boolean", idempotent)
  const known = { name, idempotent: idempotent === true }
  if (isHandler) {
    const handler = o["handler"]
    if (typeof handler !== "object" || handler === null) throw Settings.mustBe(where, "handler", "{ module, export }", handler)
    Settings.known(where, handler, ["module", "export"])
    const { export: exported, module } = handler as { readonly module?: unknown; readonly export?: unknown }
    const { url } = moduleOf("handler.module", module)
    const definition: Definition = { ...known, kind: "handler", main: false, module: url, export: exportOf("handler.export", exported) }
    return { ...schemas, error, definition, run: undefined, layer: undefined }
  }
  if (typeof run !== "function") throw Settings.mustBe(where, "run", "a function", run)
  if (layer !== undefined && !Layer.isLayer(layer)) throw Settings.mustBe(where, "layer", "a Layer", layer)
  const { main, url } = o["module"] === undefined ? { url: "", main: false } : moduleOf("module", o["module"])
  const exported = o["export"] === undefined ? name : exportOf("export", o["export"])
  const definition: Definition = { ...known, kind: "effect", main, module: url, export: exported }
  return { ...schemas, error, definition, run: run as Read["run"], layer: layer as Read["layer"] }
}

const schema = (option: string, value: unknown): AnySchema => {
  if (Schema.isSchema(value)) return value as unknown as AnySchema
  throw Settings.mustBe(where, option, "a Schema", value)
}

const exportOf = (option: string, value: unknown): string => {
  if (typeof value === "string" && value !== "") return value
  throw Settings.mustBe(where, option, "the name of an export", value)
}

/** The URL of a module, and whether it is the one that started the program, where that can be seen. */
const moduleOf = (option: string, value: unknown): { readonly url: string; readonly main: boolean } => {
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
