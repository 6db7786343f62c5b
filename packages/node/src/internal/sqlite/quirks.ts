/** Finds out by trial what this version of Node gets wrong about SQLite, without a word: as Node 22 does. */
import { DatabaseSync } from "node:sqlite"

export interface Quirks {
  /** A text is read up to its first NUL only. */
  readonly cutsTexts: boolean
  /** A statement that is used again gives the columns of the table as it was when it was prepared. */
  readonly keepsColumns: boolean
}

let found: Quirks | undefined

export const quirks = (): Quirks => (found ??= find())

const find = (): Quirks => {
  const db = new DatabaseSync(":memory:")
  try {
    db.exec("CREATE TABLE t (a)")
    const insert = db.prepare("INSERT INTO t VALUES (?)")
    const select = db.prepare("SELECT * FROM t")
    insert.run("a\0b")
    const cutsTexts = select.all()[0]?.["a"] !== "a\0b"
    db.exec("ALTER TABLE t ADD COLUMN b DEFAULT 1")
    return { cutsTexts, keepsColumns: select.all()[0]?.["b"] !== 1 }
  } finally {
    db.close()
  }
}
