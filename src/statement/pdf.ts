/**
 * Writes a statement as PDF, for the customer whose money it is: a page at a time, so that a statement of any length takes the
 * memory of a page.
 */

import { createRequire } from 'node:module'
import type PDFKit from 'pdfkit'
import { amountWords, changeOf, entryWords, minuteWords, plainText, type StatementRow } from './words.js'

export type StatementHead = {
  /** The customer, as people are to read it. */
  readonly customer: string
  /** The name of the asset, if it has one, and the number of its decimals. */
  readonly asset: string | undefined
  readonly scale: number
  /** The period in words. */
  readonly period: string
}

export type PdfStatement = {
  /** Takes entries, and gives the bytes that are ready. `opening` is the balance before the first one. */
  readonly add: (rows: readonly StatementRow[], opening: bigint) => Uint8Array
  /** Gives the last bytes. */
  readonly end: (opening: bigint, closing: bigint) => Promise<Uint8Array>
}

type Document = InstanceType<typeof PDFKit>
type Cell = {
  readonly text: string
  readonly x: number
  readonly width: number
  readonly align: 'left' | 'right'
}

const MARGIN = 50
const [TITLE_SIZE, SIZE, SMALL] = [18, 9, 7]
const [BLACK, GREY, RULE] = ['#111111', '#5a5a5a', '#bbbbbb']
const GAP = 6
const FOOT = 30
/** The longest text of an entry, in lines: anybody may have written a reference. */
const LINES_MAX = 3

const DATE = { x: MARGIN, width: 90 }
const WORDS = { x: 145, width: 215 }
const CHANGE = { x: 365, width: 90 }
const BALANCE = { x: 460, width: 85 }

const { resolve } = createRequire(import.meta.url)
// the fonts that every PDF reader has know Latin letters only
const fontFile = (name: string): string => resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`)

/** The document, and where the pen is on its page. */
class Sheet {
  readonly #doc: Document
  #y = MARGIN
  #page = 1
  readonly #foot: string

  constructor(doc: Document, foot: string) {
    this.#doc = doc
    this.#foot = foot
    doc.registerFont('text', fontFile('DejaVuSans')).registerFont('bold', fontFile('DejaVuSans-Bold'))
    this.#writeFoot()
  }

  #writeFoot(): void {
    const { width, height } = this.#doc.page
    const at_y = height - MARGIN
    this.#doc.font('text').fontSize(SMALL).fillColor(GREY)
    this.#doc.text(this.#foot, MARGIN, at_y, { width: width - 2 * MARGIN - 60, lineBreak: false })
    this.#doc.text(`Page ${this.#page}`, width - MARGIN - 60, at_y, {
      width: 60,
      align: 'right',
      lineBreak: false,
    })
  }

  /** Makes room for `height` points; true when that took a new page. */
  makeRoom(height: number): boolean {
    if (this.#y + height <= this.#doc.page.height - MARGIN - FOOT) return false
    this.#doc.addPage()
    this.#page += 1
    this.#y = MARGIN
    this.#writeFoot()
    return true
  }

  /** The size at which a number is in one line: a part of it would be taken for another number. */
  #fittingSize(text: string, width: number, size: number): number {
    const wanted = this.#doc.fontSize(size).widthOfString(text)
    // a hair less, because the line is measured again
    return wanted <= width ? size : (size * (width - 1)) / wanted
  }

  /** Writes cells beside each other, and moves on by the highest of them. */
  row(cells: readonly Cell[], size: number, colour: string, font: 'text' | 'bold' = 'text'): void {
    this.#doc.font(font).fontSize(size).fillColor(colour)
    const line_height = this.#doc.currentLineHeight(true)
    let highest = line_height
    for (const { text, x, width, align } of cells) {
      const shown = plainText(text)
      this.#doc.fontSize(align === 'right' ? this.#fittingSize(shown, width, size) : size)
      const height = Math.min(this.#doc.heightOfString(shown, { width }), line_height * LINES_MAX)
      highest = Math.max(highest, height)
      this.#doc.text(shown, x, this.#y, { width, align, height: height + 1, ellipsis: true })
    }
    this.#y += highest
  }

  space(points: number): void {
    this.#y += points
  }

  rule(): void {
    const right = this.#doc.page.width - MARGIN
    this.#doc.moveTo(MARGIN, this.#y).lineTo(right, this.#y).lineWidth(0.5).strokeColor(RULE).stroke()
    this.#y += GAP / 2
  }
}

const left = (text: string, column: { readonly x: number; readonly width: number }): Cell => ({
  ...{ text, ...column, align: 'left' },
})
const right = (text: string, column: { readonly x: number; readonly width: number }): Cell => ({
  ...{ text, ...column, align: 'right' },
})

const WIDE = { x: MARGIN, width: 495 }
/** The height that an entry takes at the most, in points. */
const ENTRY_HEIGHT = SIZE * 1.4 * LINES_MAX + SMALL * 1.4 * LINES_MAX + GAP

const createLayout = (sheet: Sheet, { customer, asset, scale, period }: StatementHead) => {
  const unit = asset === undefined ? '' : `, in ${asset}`
  const headings = (): void => {
    const titles = [
      left('Date (UTC)', DATE),
      left('Entry', WORDS),
      right('Change', CHANGE),
      right('Balance', BALANCE),
    ]
    sheet.row(titles, SIZE, BLACK, 'bold')
    sheet.space(GAP / 2)
    sheet.rule()
  }
  const balance = (words: string, amount: bigint): void => {
    sheet.row([left(words, WORDS), right(amountWords(amount, scale), BALANCE)], SIZE, BLACK, 'bold')
    sheet.space(GAP)
  }
  return {
    head: (opening: bigint): void => {
      sheet.row([left('Account statement', WIDE)], TITLE_SIZE, BLACK, 'bold')
      sheet.space(GAP)
      sheet.row([left(`${customer}${unit}`, WIDE)], SIZE, BLACK)
      sheet.row([left(period, WIDE)], SIZE, GREY)
      sheet.space(3 * GAP)
      headings()
      balance('Opening balance', opening)
    },
    entry: (row: StatementRow): void => {
      if (sheet.makeRoom(ENTRY_HEIGHT)) headings()
      const change = changeOf(row)
      const sign = change !== undefined && change > 0n ? '+' : ''
      const cells = [
        left(minuteWords(row.at), DATE),
        left(entryWords(row, scale), WORDS),
        right(change === undefined ? '' : `${sign}${amountWords(change, scale)}`, CHANGE),
        right(row.balance === undefined ? '' : amountWords(row.balance, scale), BALANCE),
      ]
      sheet.row(cells, SIZE, BLACK)
      const more = [row.reference, row.transaction_id].filter(text => text !== undefined).join(' · ')
      if (more !== '') sheet.row([left(more, WORDS)], SMALL, GREY)
      sheet.space(GAP)
    },
    end: (closing: bigint): void => {
      if (sheet.makeRoom(ENTRY_HEIGHT)) headings()
      sheet.rule()
      balance('Closing balance', closing)
    },
  }
}

const taken = (doc: Document): Uint8Array => {
  const chunks: Uint8Array[] = []
  for (let chunk: Uint8Array | null = doc.read(); chunk !== null; chunk = doc.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Starts a statement. The library is loaded here, because few calls of the program need it. */
export const pdfOf = async (head: StatementHead): Promise<PdfStatement> => {
  const { default: PdfDocument } = await import('pdfkit')
  const title = `Account statement of ${head.customer}`
  const doc: Document = new PdfDocument({
    ...{ size: 'A4', pdfVersion: '1.7', lang: 'en', displayTitle: true },
    info: { Title: title, Creator: 'Jetledger' },
    // the foot of a page stands below what flows
    margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: 0 },
  })
  const layout = createLayout(new Sheet(doc, plainText(title)), head)
  let is_begun = false
  const begin = (opening: bigint): void => {
    if (!is_begun) layout.head(opening)
    is_begun = true
  }
  return {
    add: (rows, opening) => {
      begin(opening)
      for (const row of rows) layout.entry(row)
      return taken(doc)
    },
    end: async (opening, closing) => {
      begin(opening)
      layout.end(closing)
      doc.end()
      const chunks: Uint8Array[] = []
      for await (const chunk of doc) chunks.push(chunk as Uint8Array)
      return Buffer.concat(chunks)
    },
  }
}
