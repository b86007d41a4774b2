// The house: a folder of shared/ imports only itself and folders above it in this list.
const house = require('./shared/house.json')

// The packages a folder of shared/ may use; the others use none.
const packages = { wire: 'valibot', shell: 'just-bash' }

const onlyEarlier = house.map((folder, index) => ({
  name: `${folder}-imports-only-earlier-folders`,
  severity: 'error',
  from: { path: `^shared/${folder}/` },
  to: { path: '^shared/', pathNot: `^shared/(${house.slice(0, index + 1).join('|')})/` },
}))

const noPackages = house.map((folder) => ({
  name: `${folder}-uses-no-other-package`,
  severity: 'error',
  from: { path: `^shared/${folder}/` },
  to: {
    path: 'node_modules',
    ...(packages[folder] ? { pathNot: `node_modules/${packages[folder]}/` } : {}),
  },
}))

module.exports = {
  forbidden: [
    ...onlyEarlier,
    ...noPackages,
    {
      name: 'shared-has-no-other-folder',
      severity: 'error',
      from: { path: '^shared/', pathNot: `^shared/(${house.join('|')})/` },
      to: {},
    },
    {
      name: 'shared-knows-neither-server-nor-client-nor-test',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(server|client|test)/' },
    },
    {
      name: 'shared-has-no-node',
      severity: 'error',
      from: { path: '^shared/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'server-knows-no-client',
      severity: 'error',
      // The benchmarks are a command of the program, and stand with the tests.
      from: { path: '^server/' },
      to: { path: '^(client|test)/', pathNot: '^test/bench/' },
    },
    {
      name: 'client-knows-no-server',
      severity: 'error',
      from: { path: '^client/' },
      to: { path: '^(server|test)/' },
    },
    {
      name: 'client-has-no-node',
      severity: 'error',
      from: { path: '^client/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      // Inside a folder of shared/ the kernel's own circles stand: allocating may kill, killing frees.
      name: 'no-circles',
      severity: 'error',
      from: { path: '^(server|client)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^virtual:' },
    },
    {
      name: 'declared-in-package-json',
      severity: 'error',
      from: { path: '^(server|client|shared)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
}
