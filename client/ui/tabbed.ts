// Set for panels that stand under a tab: the tab says their title.

import type { InjectionKey } from 'vue'

export const TABBED: InjectionKey<boolean> = Symbol('tabbed')
