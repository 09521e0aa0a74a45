// The search: cards that do not have every word of it are hidden.
(() => {
  const box = document.querySelector('.search'), input = box.querySelector('input'), output = box.querySelector('output');
  const sections = [...document.querySelectorAll('main > section')];
  const nothing = document.querySelector('.nothing');
  let cards;
  const find = () => {
    cards ??= [...document.querySelectorAll('.card')].map((element) => ({element, text: element.textContent.toLowerCase()}));
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const {element, text} of cards) {
      element.hidden = !words.every((word) => text.includes(word));
      if (!element.hidden) found++;
    }
    for (const section of sections) section.hidden = !section.querySelector('.card:not([hidden])');
    nothing.hidden = found > 0;
    output.textContent = words.length ? `${found} of ${cards.length}` : '';
  };
  const clear = () => { if (input.value) { input.value = ''; find(); } };
  let timer;
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(find, 80); });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== input && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    } else if (event.key === 'Escape' && document.activeElement === input) {
      clear();
    }
  });
  // A link leads to what the search hides, too.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && document.getElementById(decodeURIComponent(link.hash.slice(1)))?.closest('[hidden]')) clear();
  });
  box.hidden = false;
})();
