/** A chart over time, drawn by uPlot. The same figures stand in a table or in words beside it, for those who cannot see it. */

import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

export type Series = { readonly label: string; readonly values: readonly number[] }

const HEIGHT_PX = 200

/** The colours of the style sheet, which differ by day and night. */
const colourOf = (element: Element, index: number): string =>
  getComputedStyle(element)
    .getPropertyValue(`--series-${index + 1}`)
    .trim()

export const Chart = ({
  label,
  times_s,
  series,
}: {
  readonly label: string
  readonly times_s: readonly number[]
  readonly series: readonly Series[]
}) => {
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const data = [[...times_s], ...series.map(({ values }) => [...values])] as uPlot.AlignedData
  const newest = useRef(data)
  newest.current = data
  const names = series.map(one => one.label).join()

  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const ink = getComputedStyle(element).color
    const grid = { stroke: getComputedStyle(element).getPropertyValue('--line').trim(), width: 1 }
    const axis = { stroke: ink, grid, ticks: grid }
    plot.current = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        cursor: { show: false },
        legend: { show: false },
        tzDate: seconds => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
        scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [axis, { ...axis, size: 60 }],
        series: [
          {},
          ...names.split(',').map((name, i) => ({ label: name, stroke: colourOf(element, i), width: 2 })),
        ],
      },
      newest.current,
      element,
    )
    const watch = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    watch.observe(element)
    return () => {
      watch.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [names])

  useEffect(() => {
    plot.current?.setData(newest.current)
  })

  return (
    <figure className="chart">
      <div ref={frame} role="img" aria-label={label} />
      <figcaption>
        {series.map((one, i) => (
          <span key={one.label} className={`key key-${i + 1}`}>
            {one.label}
          </span>
        ))}
      </figcaption>
    </figure>
  )
}
