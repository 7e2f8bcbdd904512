"""Names that hide a property of the document, or of a form, behind an element: `document.documentElement` is the form
of `<form name=documentElement>` (HTML Standard, "DOM clobbering"), and rrweb could not draw the copy any more.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The properties of Document, ShadowRoot and HTMLFormElement in Chromium, without those that nobody needs to draw a page
# and that are ordinary words of forms (title, name, action).
_PROPERTIES: Final = _words(
    """
    __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__ acceptCharset accessKey
    activeElement activeViewTransition addEventListener adoptNode adoptedStyleSheets alinkColor all animate
    append appendChild assignedSlot attachInternals attachShadow attributeStyleMap attributes autocapitalize
    autocomplete autocorrect autofocus baseURI bgColor blur body captureEvents caretPositionFromPoint
    caretRangeFromPoint characterSet charset checkValidity checkVisibility childElementCount childNodes children
    classList className clear click clientHeight clientLeft clientTop clientWidth clonable cloneNode close
    closest compareDocumentPosition compatMode computedStyleMap constructor contains contentEditable contentType
    createAttribute createAttributeNS createCDATASection createComment createDocumentFragment createElement
    createElementNS createEvent createExpression createNSResolver createNodeIterator createProcessingInstruction
    createRange createTextNode createTreeWalker currentCSSZoom currentScript customElementRegistry dataset
    defaultView delegatesFocus designMode dispatchEvent doctype documentElement documentURI editContext
    elementFromPoint elementTiming elements elementsFromPoint embeds encoding enctype enterKeyHint evaluate
    execCommand exitFullscreen exitPictureInPicture exitPointerLock featurePolicy fgColor firstChild
    firstElementChild focus focusGroup focusGroupStart fonts forms fragmentDirective fullscreen
    fullscreenElement fullscreenEnabled getAnimations getAttribute getAttributeNS getAttributeNames
    getAttributeNode getAttributeNodeNS getBoundingClientRect getClientRects getElementById
    getElementsByClassName getElementsByName getElementsByTagName getElementsByTagNameNS getHTML getRootNode
    getSelection hasAttribute hasAttributeNS hasAttributes hasChildNodes hasFocus hasOwnProperty
    hasPointerCapture hasStorageAccess hasUnpartitionedCookieAccess head hidePopover host images implementation
    importNode innerHTML innerText inputEncoding inputMode insertAdjacentElement insertAdjacentHTML
    insertAdjacentText insertBefore isConnected isContentEditable isDefaultNamespace isEqualNode isPrototypeOf
    isSameNode lastChild lastElementChild length linkColor links localName lookupNamespaceURI lookupPrefix
    matches mode moveBefore namespaceURI nextElementSibling nextSibling noValidate nodeName nodeType nodeValue
    normalize offsetHeight offsetLeft offsetParent offsetTop offsetWidth outerHTML outerText ownerDocument
    parentElement parentNode pictureInPictureElement pictureInPictureEnabled pointerLockElement popover prefix
    prepend prerendering previousElementSibling previousSibling propertyIsEnumerable pseudo queryCommandEnabled
    queryCommandIndeterm queryCommandState queryCommandSupported queryCommandValue querySelector
    querySelectorAll readyState referenceTarget rel relList releaseEvents releasePointerCapture remove
    removeAttribute removeAttributeNS removeAttributeNode removeChild removeEventListener replaceChild
    replaceChildren replaceWith reportValidity requestFullscreen requestPointerLock requestStorageAccess
    requestSubmit reset rootElement scripts scroll scrollBy scrollHeight scrollIntoView scrollIntoViewIfNeeded
    scrollLeft scrollTo scrollTop scrollWidth scrollingElement serializable setAttribute setAttributeNS
    setAttributeNode setAttributeNodeNS setHTML setHTMLUnsafe setPointerCapture shadowRoot showPopover
    slotAssignment spellcheck startViewTransition style styleSheets submit tabIndex tagName textContent timeline
    toLocaleString toString toggleAttribute togglePopover valueOf virtualKeyboardPolicy visibilityState
    vlinkColor wasDiscarded webkitCancelFullScreen webkitCurrentFullScreenElement webkitExitFullscreen
    webkitFullscreenElement webkitFullscreenEnabled webkitHidden webkitIsFullScreen webkitMatchesSelector
    webkitRequestFullScreen webkitRequestFullscreen webkitVisibilityState when write writeln writingSuggestions
    xmlEncoding xmlStandalone xmlVersion
    """
)


def harmless_name(value: str) -> str:
    """Return an `id` or `name` that hides nothing; an ordinary one is returned as it is."""
    return f"x-{value}" if value in _PROPERTIES else value
