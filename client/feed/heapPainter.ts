// The heap's canvas in the worker: lays the rows out, paints those that changed.

import { layOutHeap, rowOf, type HeapLayout } from '../draw/heapLayout.ts'
import {
  heapCells,
  mkHeapPicture,
  paintHeapRow,
  ROW,
  type HeapPicture,
  type HeapSight,
} from '../draw/heapPaint.ts'
import type { Room } from '@shared/room/room.ts'
import { pagesOf, type HeapLook, type HeapSeen } from './heapLook.ts'
import type { HeapGrid, HeapView } from './protocol.ts'

export class HeapPainter {
  private canvas: OffscreenCanvas | null = null
  private context: OffscreenCanvasRenderingContext2D | null = null
  private image: ImageData | null = null
  private picture: HeapPicture | null = null
  private view: HeapView | null = null
  private layout: HeapLayout | null = null
  private seen: HeapSeen | null = null
  private laidOut = ''
  private told = ''

  /** There is nothing to draw on. */
  get idle(): boolean {
    return this.context === null || this.view === null
  }

  /** null: nobody looks any more. */
  attach(canvas: OffscreenCanvas | null): void {
    this.canvas = canvas
    this.context = canvas?.getContext('2d', { alpha: false }) ?? null
    this.picture = null
    this.told = ''
    if (canvas === null) this.view = null
  }

  look(view: HeapView): void {
    this.view = view
  }

  /** Puts the picture on the canvas; what is where, if that has changed. */
  draw(
    room: Room,
    look: HeapLook,
    marksOf: (handle: string) => ReadonlySet<number>,
  ): HeapGrid | null {
    const { canvas, context, view } = this
    if (canvas === null || context === null || view === null) return null
    if (view.width < 1 || view.height < 1) return null
    const seen = look.see(room, view.task)
    this.fitCanvas(canvas, view)
    const visible = Math.max(1, Math.floor(view.height / (ROW * view.scale)))
    const layout = this.layOut(seen, view, visible)
    const first = firstRow(layout, view, visible)
    this.paint(context, seen, layout, view, { first, visible }, marksOf(view.task))
    return this.gridOf(layout, first, visible)
  }

  private fitCanvas(canvas: OffscreenCanvas, { width, height, scale }: HeapView): void {
    if (this.picture !== null && canvas.width === width && canvas.height === height) return
    canvas.width = width
    canvas.height = height
    this.image = new ImageData(width, height)
    this.picture = mkHeapPicture(new Uint32Array(this.image.data.buffer), width, scale)
    this.context!.putImageData(this.image, 0, 0)
  }

  /** The same heap in the same view is laid out once. */
  private layOut(seen: HeapSeen, view: HeapView, visible: number): HeapLayout {
    const key = `${view.bytesPerRow} ${visible}`
    if (this.layout !== null && this.seen === seen && this.laidOut === key) return this.layout
    this.seen = seen
    this.laidOut = key
    return (this.layout = layOutHeap(seen.runs, view.bytesPerRow, visible))
  }

  private paint(
    context: OffscreenCanvasRenderingContext2D,
    { heap, runs }: HeapSeen,
    layout: HeapLayout,
    view: HeapView,
    { first, visible }: { first: number; visible: number },
    marked: ReadonlySet<number>,
  ): void {
    const picture = this.picture!
    const image = this.image!
    const sight: HeapSight | null = heap && {
      runs: runs.map((run) => ({ ...run, ...pagesOf(heap, run) })),
      pageSize: heap.m.pageSize,
      header: heap.reader.flavour.header,
      marked,
      selected: view.chunk,
    }
    const height = ROW * view.scale
    for (let row = 0; row < Math.min(visible + 1, picture.shown.length); row++) {
      const at = first + row
      const cells =
        sight === null || at >= layout.count
          ? null
          : heapCells(
              sight,
              layout.va[at],
              layout.span[at],
              layout.span[at] > layout.bytesPerRow,
              view.width,
            )
      if (paintHeapRow(picture, row, cells))
        context.putImageData(image, 0, 0, 0, row * height, view.width, height)
    }
  }

  private gridOf(layout: HeapLayout, first: number, visible: number): HeapGrid | null {
    const last = Math.min(layout.count, first + visible)
    const grid: HeapGrid = {
      bytesPerRow: layout.bytesPerRow,
      rows: layout.count,
      first,
      va: [...layout.va.subarray(first, last)],
      span: [...layout.span.subarray(first, last)],
    }
    const text = JSON.stringify(grid)
    if (text === this.told) return null
    this.told = text
    return grid
  }
}

/** `reveal` 0: as scrolled; else so that the address is in sight. */
function firstRow(layout: HeapLayout, view: HeapView, visible: number): number {
  const last = Math.max(0, layout.count - visible)
  const first = Math.max(0, Math.min(last, view.first))
  if (view.reveal === 0) return first
  const row = rowOf(layout, view.reveal)
  if (row < 0 || (row >= first && row < first + visible)) return first
  return Math.max(0, Math.min(last, row - Math.floor(visible / 2)))
}
