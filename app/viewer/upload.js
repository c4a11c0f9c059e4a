// An own image dropped on the page: the checkpoint and the set's thresholds on it, in none of the set's numbers.
const MOST_BYTES = 20e6;

/** Why a file cannot be used, or an empty string. */
export function refusal(file) {
  if (!['image/png', 'image/jpeg'].includes(file.type)) return 'An image must be PNG or JPEG.';
  if (file.size > MOST_BYTES) return `An image must be at most 20 MB; this one has ${(file.size / 1e6).toFixed(1)} MB.`;
  return '';
}

export function acceptDrops(element, session, say) {
  const stop = (event) => {
    event.preventDefault();
    element.classList.toggle('is-dropping', event.type === 'dragover');
  };
  element.addEventListener('dragover', stop);
  element.addEventListener('dragleave', stop);
  element.addEventListener('drop', (event) => {
    stop(event);
    const file = event.dataTransfer?.files?.[0];
    if (file) takeImage(file, session, say);
  });
}

/** The same by a file dialog, for keyboards. */
export function chooseImage(session, say) {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = 'image/png,image/jpeg';
  input.onchange = () => { if (input.files[0]) takeImage(input.files[0], session, say); };
  input.click();
}

async function takeImage(file, session, say) {
  if (session.info.can_upload === false) return say('The network of this store is not at hand, so own images cannot be predicted.');
  const reason = refusal(file);
  if (reason) return say(reason);
  say(`Predicting ${file.name} …`);
  try {
    const image = await session.api.upload(session.sid, file);
    session.own = image;
    return session.show(image.i);
  } catch (error) {
    return say(error.message, () => takeImage(file, session, say));
  }
}
