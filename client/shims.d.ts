// For type-aware linting, which does not read single-file components; vue-tsc does.
declare module '*.vue' {
  import type { DefineComponent } from 'vue'
  const component: DefineComponent
  export default component
}
