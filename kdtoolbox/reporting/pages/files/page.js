'use strict';
for (const gallery of document.querySelectorAll('.gallery')) {
  const cards = [...gallery.querySelectorAll('.card')];
  const chosen = (name) => gallery.querySelector(`[data-filter="${name}"]`);
  const update = () => {
    const group = chosen('group') ? chosen('group').value : '';
    const onlyWrong = chosen('wrong') ? chosen('wrong').checked : false;
    let shown = 0;
    for (const card of cards) {
      card.hidden = (group !== '' && card.dataset.group !== group) || (onlyWrong && !('wrong' in card.dataset));
      shown += card.hidden ? 0 : 1;
    }
    gallery.classList.toggle('playing', chosen('play') !== null && chosen('play').checked);
    gallery.querySelector('output').textContent = shown === 0 ? 'none' : `${shown} shown`;
  };
  gallery.addEventListener('change', update);
  gallery.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
  update();
}
// A map of classes: pointing at the dots of a class, or tapping them, dims the others.
for (const figure of document.querySelectorAll('figure.by-class')) {
  const groups = [...figure.querySelectorAll('g[id*="-class-"]')];
  const show = (one) => groups.forEach((group) => group.classList.toggle('dimmed', one !== null && group !== one));
  for (const group of groups) {
    group.addEventListener('pointerenter', () => show(group));
    group.addEventListener('pointerleave', () => show(null));
  }
}
// A link to a part that is folded away unfolds it; all are unfolded on paper.
const unfold = () => {
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  const folded = target && target.closest('details:not([open])');
  if (folded) { folded.open = true; target.scrollIntoView(); }
};
window.addEventListener('hashchange', unfold);
window.addEventListener('beforeprint', () => document.querySelectorAll('details').forEach((one) => { one.open = true; }));
unfold();
