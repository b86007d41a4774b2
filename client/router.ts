// A room's address is its code: short enough to type from a projector. Tokens never stand in an address.

import { createRouter, createWebHistory } from 'vue-router'
import HomeView from './views/HomeView.vue'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', name: 'home', component: HomeView },
    {
      path: '/:code(\\d{6})',
      name: 'room',
      component: () => import('./views/RoomView.vue'),
      props: true,
    },
    {
      path: '/:code(\\d{6})/replay',
      name: 'replay',
      component: () => import('./views/ReplayView.vue'),
      props: true,
    },
    {
      path: '/:code(\\d{6})/projector',
      name: 'projector',
      component: () => import('./views/ProjectorView.vue'),
      props: true,
    },
    {
      path: '/replay',
      name: 'recording',
      component: () => import('./views/ReplayView.vue'),
      props: { code: '' },
    },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
  scrollBehavior: () => ({ top: 0 }),
})
