// The map's canvas in the worker: scans the frames, paints what changed, lets changes glow and fade.

import { vmasOf } from '@shared/mm/vma.ts'
import { walkPageRange } from '@shared/proc/pageWalk.ts'
import { mkFrameMap, scanFrames, type FrameMap } from '@shared/proc/frames.ts'
import { ptePfn, ptePresent } from '@shared/hw/mmu.ts'
import type { Room } from '@shared/room/room.ts'
import { fitGrid, type Grid } from '../draw/grid.ts'
import { looksOf, mkInks } from '../draw/look.ts'
import { fade, kindle, mkPicture, paint, type Picture } from '../draw/paint.ts'
import type { View } from './protocol.ts'

const GLOW_MS = 900

export class MapPainter {
  frames: FrameMap = mkFrameMap(0)
  grid: Grid | null = null
  private canvas: OffscreenCanvas | null = null
  private context: OffscreenCanvasRenderingContext2D | null = null
  private image: ImageData | null = null
  private picture: Picture | null = null
  private view: View | null = null
  private room: Room | null = null
  private looks = new Uint16Array(0)
  private before = new Uint16Array(0)
  private glow = new Uint8Array(0)
  private readonly inks = mkInks()
  private fresh = true // nothing glows on the first picture of a room or of a view
  private lastMs = 0

  attach(canvas: OffscreenCanvas): void {
    this.canvas = canvas
    this.context = canvas.getContext('2d', { alpha: false })
    this.picture = null
  }

  look(view: View): Grid | null {
    const before = this.view
    this.view = view
    if (before?.mode !== view.mode || before.only !== view.only || before.seat !== view.seat) {
      this.fresh = true
    }
    const { space } = view
    const stays = before?.space.width === space.width && before.space.zoom + space.zoom === 0
    return this.layOut(stays ? this.grid : null)
  }

  /** The room that is shown from now on. */
  show(room: Room): Grid | null {
    this.room = room
    this.fresh = true
    const { nrFrames } = room.machine.ram
    if (this.frames.kind.length !== nrFrames) {
      this.frames = mkFrameMap(nrFrames)
      this.looks = new Uint16Array(nrFrames)
      this.before = new Uint16Array(nrFrames)
      this.glow = new Uint8Array(nrFrames)
    }
    scanFrames(room.machine, this.frames)
    return this.layOut()
  }

  /** The machine has gone on. */
  refresh(): void {
    if (this.room === null) return
    scanFrames(this.room.machine, this.frames)
    if (this.view === null || this.canvas === null) return
    const { mode, seat, only, calm } = this.view
    const swap = this.before
    this.before = this.looks
    this.looks = swap
    const frames = only === null ? null : framesOf(this.room, only)
    looksOf(this.frames, { mode, seat, only: frames }, this.looks)
    // What a highlighted process comes to own changes from faint to clear: that glows as well.
    if (!this.fresh && !calm) kindle(this.before, this.looks, this.glow)
    this.fresh = false
  }

  /** Puts the picture on the canvas. True while something glows. */
  draw(nowMs: number): boolean {
    if (this.context === null || this.grid === null || this.picture === null) return false
    const elapsed = Math.min(100, nowMs - this.lastMs)
    this.lastMs = nowMs
    const glowing = fade(this.glow, elapsed, GLOW_MS)
    if (paint(this.picture, this.grid, this.looks, this.glow, this.inks)) {
      this.context.putImageData(this.image!, 0, 0)
    }
    return glowing
  }

  private layOut(stay: Grid | null = null): Grid | null {
    const { canvas, view, room } = this
    if (canvas === null || view === null || room === null) return null
    const { width, height } = view.space
    if (width < 1 || height < 1) return null
    const grid = fitGrid(room.machine.ram.nrFrames, view.space, stay)
    const same = this.picture !== null && JSON.stringify(grid) === JSON.stringify(this.grid)
    if (same && canvas.width === width && canvas.height === height) return null
    canvas.width = width
    canvas.height = height
    this.image = new ImageData(width, height)
    this.picture = mkPicture(new Uint32Array(this.image.data.buffer), width, grid)
    this.grid = grid
    return grid
  }
}

/** The frames that a process maps. */
function framesOf({ machine }: Room, handle: string): Set<number> {
  const frames = new Set<number>()
  const mm = machine.handles.get(handle)?.mm ?? null
  if (mm === null) return frames
  for (const vma of vmasOf(mm)) {
    walkPageRange(machine, mm, vma.start, vma.end, (_, pte) => {
      if (ptePresent(pte)) frames.add(ptePfn(pte))
    })
  }
  return frames
}
