/**
 * The metrics of this process for Prometheus: counters, gauges and histograms in one registry.
 *
 * A module that counts something makes its metric once, at its top; asking for the same name again gives the same metric.
 * Labels are few and from a small set (a route, an error's code), never a customer's id.
 */

type Labels = Readonly<Record<string, string>>

type Counter = {
  /** Adds `by`, 1 when absent. */
  readonly inc: (labels?: Labels, by?: number) => void
  /** Sets a total that is kept elsewhere and read at each scrape. */
  readonly set: (total: number, labels?: Labels) => void
}

type Gauge = {
  readonly set: (value: number, labels?: Labels) => void
  /** Reads a value at each scrape; the values of several `read` are added up. Returns a function that ends it. */
  readonly track: (read: () => number) => () => void
}

type Histogram = { readonly observe: (value: number, labels?: Labels) => void }

export type Metrics = {
  readonly counter: (name: string, help: string) => Counter
  readonly gauge: (name: string, help: string) => Gauge
  /** `bounds` are the upper bounds of the buckets, ascending. */
  readonly histogram: (name: string, help: string, bounds: readonly number[]) => Histogram
  /**
   * Runs `collect` before each `text`, to set values that are read from elsewhere. A failure of it is ignored. Returns a
   * function that ends it.
   */
  readonly onCollect: (collect: () => Promise<void> | void) => () => void
  /** Everything that this registry has, as plain data: another thread can be sent it. */
  readonly families: () => Promise<readonly Family[]>
  /**
   * Adds what `read` gives to each `text`: the metrics of another thread. Values of the same series are added up. When
   * `read` fails its metrics are left out. Returns a function that ends it.
   */
  readonly include: (read: () => Promise<readonly Family[]>) => () => void
  /** Everything in Prometheus's text format, version 0.0.4. */
  readonly text: () => Promise<string>
}

/** A value with the name and the labels of its series, as Prometheus writes them. */
type Sample = readonly [series: string, value: number]

/** All series of one metric. */
export type Family = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: readonly Sample[]
}

type Metric = { readonly help: string; readonly type: string; readonly samples: (name: string) => Sample[] }

/** The most label combinations of one metric. Further ones are not counted, so that a mistake cannot fill the memory. */
const SERIES_MAX = 1_000

const SPECIAL = /["\\\n]/

const escaped = (value: string): string =>
  SPECIAL.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value

/** The labels as text; it is made for every request. */
const keyOf = (labels: Labels): string => {
  let key = ''
  for (const name in labels) key += `${key === '' ? '' : ','}${name}="${escaped(labels[name] ?? '')}"`
  return key
}

const sample = (name: string, key: string, value: number): Sample => [
  `${name}${key === '' ? '' : `{${key}}`}`,
  value,
]

/** Families by name, with the values of equal series added up. */
const merged = (families: readonly Family[]): readonly Family[] => {
  const byName = new Map<string, Family & { readonly values: Map<string, number> }>()
  for (const family of families) {
    const known = byName.get(family.name) ?? { ...family, values: new Map<string, number>() }
    for (const [series, value] of family.samples)
      known.values.set(series, (known.values.get(series) ?? 0) + value)
    byName.set(family.name, known)
  }
  return [...byName.values()].map(({ values, ...family }) => ({ ...family, samples: [...values] }))
}

/** The values of one metric by their labels, bounded. */
const createSeries = <A>(fresh: () => A) => {
  const values = new Map<string, A>()
  return {
    of: (labels: Labels): A => {
      const key = keyOf(labels)
      const known = values.get(key)
      if (known !== undefined) return known
      const made = fresh()
      if (values.size < SERIES_MAX) values.set(key, made)
      return made
    },
    entries: () => [...values],
  }
}

const createValue = (type: 'counter' | 'gauge', help: string): Metric & Counter & Gauge => {
  const series = createSeries(() => ({ value: 0 }))
  const tracked = new Set<() => number>()
  return {
    help,
    type,
    inc: (labels = {}, by = 1) => {
      series.of(labels).value += by
    },
    set: (value, labels = {}) => {
      series.of(labels).value = value
    },
    track: read => {
      const entry = () => read()
      tracked.add(entry)
      return () => void tracked.delete(entry)
    },
    samples: name => {
      const sum = [...tracked].reduce((total, read) => total + read(), 0)
      const own = series.entries().map(([key, { value }]) => sample(name, key, value))
      return tracked.size === 0 ? own : [...own, sample(name, '', sum)]
    },
  }
}

const createHistogram = (help: string, bounds: readonly number[]): Metric & Histogram => {
  const series = createSeries(() => ({ buckets: bounds.map(() => 0), sum: 0, count: 0 }))
  return {
    help,
    type: 'histogram',
    observe: (value, labels = {}) => {
      const one = series.of(labels)
      one.sum += value
      one.count += 1
      const bucket = bounds.findIndex(bound => value <= bound)
      if (bucket !== -1) one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1
    },
    samples: name =>
      series.entries().flatMap(([key, { buckets, sum, count }]) => {
        const prefix = key === '' ? '' : `${key},`
        let below = 0
        const cumulative = bounds.map((bound, i) => {
          below += buckets[i] ?? 0
          return sample(`${name}_bucket`, `${prefix}le="${bound}"`, below)
        })
        return [
          ...cumulative,
          sample(`${name}_bucket`, `${prefix}le="+Inf"`, count),
          sample(`${name}_sum`, key, sum),
          sample(`${name}_count`, key, count),
        ]
      }),
  }
}

export const createMetrics = (): Metrics => {
  const all = new Map<string, Metric>()
  const collectors = new Set<() => Promise<void> | void>()
  const included = new Set<() => Promise<readonly Family[]>>()

  const metric = <A extends Metric>(name: string, type: string, make: () => A): A => {
    const known = all.get(name)
    if (known !== undefined && known.type !== type) throw new Error(`${name} is a ${known.type} already`)
    const made = (known as A | undefined) ?? make()
    all.set(name, made)
    return made
  }

  const families = async (): Promise<readonly Family[]> => {
    await Promise.allSettled([...collectors].map(async collect => collect()))
    return [...all].map(([name, { help, type, samples }]) => ({ name, help, type, samples: samples(name) }))
  }

  return {
    counter: (name, help) => metric(name, 'counter', () => createValue('counter', help)),
    gauge: (name, help) => metric(name, 'gauge', () => createValue('gauge', help)),
    histogram: (name, help, bounds) => metric(name, 'histogram', () => createHistogram(help, bounds)),
    onCollect: collect => {
      collectors.add(collect)
      return () => void collectors.delete(collect)
    },
    families,
    include: read => {
      included.add(read)
      return () => void included.delete(read)
    },
    text: async () => {
      const others = await Promise.allSettled([...included].map(async read => read()))
      const all_families = others.flatMap(other => (other.status === 'fulfilled' ? other.value : []))
      const blocks = merged([...(await families()), ...all_families]).map(({ name, help, type, samples }) =>
        [
          `# HELP ${name} ${help}`,
          `# TYPE ${name} ${type}`,
          ...samples.map(([series, value]) => `${series} ${value}`),
        ].join('\n'),
      )
      return `${blocks.join('\n')}\n`
    },
  }
}

/** The registry of this thread. */
export const metrics: Metrics = createMetrics()
