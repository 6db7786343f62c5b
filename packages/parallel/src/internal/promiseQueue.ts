/** A queue in which the greatest rank goes first, and within a rank who came first. Taking and putting are O(1) amortised; a rank that is new costs a walk through the ranks in use. */

interface Level<T> {
  readonly rank: number
  items: Array<T | undefined>
  head: number
}

export class RankedQueue<T extends { gone: boolean }> {
  private readonly levels: Array<Level<T>> = []
  private readonly byRank = new Map<number, Level<T>>()
  /** How many wait. */
  size = 0
  /** How many are still in their places that do not wait any more. */
  private left = 0

  push(rank: number, item: T): void {
    let level = this.byRank.get(rank)
    if (level === undefined) {
      this.byRank.set(rank, (level = { rank, items: [], head: 0 }))
      const at = this.levels.findIndex((other) => other.rank < rank)
      this.levels.splice(at < 0 ? this.levels.length : at, 0, level)
    }
    level.items.push(item)
    this.size++
  }

  /** The next one, which stays. */
  peek(): T | undefined {
    while (this.levels.length > 0) {
      const level = this.levels[0]!
      for (; level.head < level.items.length; level.head++) {
        const item = level.items[level.head]!
        if (!item.gone) return item
        level.items[level.head] = undefined
        this.left--
      }
      // Ranks that nobody uses any more are forgotten: there may be as many as there are numbers.
      this.levels.shift()
      this.byRank.delete(level.rank)
    }
    return undefined
  }

  shift(): T | undefined {
    const item = this.peek()
    if (item === undefined) return undefined
    const level = this.levels[0]!
    level.items[level.head++] = undefined
    this.size--
    if (level.head > 1_024 && level.head * 2 > level.items.length) {
      level.items = level.items.slice(level.head)
      level.head = 0
    }
    return item
  }

  /** Takes one out that waits: it is passed over when its turn comes, or swept out with others when most are such. */
  drop(item: T): void {
    item.gone = true
    this.size--
    this.left++
    if (this.left <= 1_024 || this.left <= this.size) return
    this.left = 0
    for (const level of this.levels) {
      level.items = level.items.slice(level.head).filter((item) => item?.gone === false)
      level.head = 0
    }
  }

  /** Takes all out that wait and fit. */
  drain(fits: (item: T) => boolean): Array<T> {
    const found = this.levels.flatMap((level) =>
      level.items.slice(level.head).filter((item) => item !== undefined && !item.gone && fits(item))
    )
    for (const item of found) this.drop(item as T)
    return found as Array<T>
  }
}
