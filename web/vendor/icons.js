// The icons our pages may use, from Lucide; add a name here to use one more (`./dev` bundles again by itself).
import ALargeSmall from "lucide-static/icons/a-large-small.svg";
import Accessibility from "lucide-static/icons/accessibility.svg";
import Archive from "lucide-static/icons/archive.svg";
import ArrowLeft from "lucide-static/icons/arrow-left.svg";
import ArrowRight from "lucide-static/icons/arrow-right.svg";
import BadgeCheck from "lucide-static/icons/badge-check.svg";
import Ban from "lucide-static/icons/ban.svg";
import Banknote from "lucide-static/icons/banknote.svg";
import Bell from "lucide-static/icons/bell.svg";
import BellRing from "lucide-static/icons/bell-ring.svg";
import BookOpen from "lucide-static/icons/book-open.svg";
import Bookmark from "lucide-static/icons/bookmark.svg";
import BookmarkPlus from "lucide-static/icons/bookmark-plus.svg";
import Building2 from "lucide-static/icons/building-2.svg";
import Calendar from "lucide-static/icons/calendar.svg";
import Camera from "lucide-static/icons/camera.svg";
import CameraOff from "lucide-static/icons/camera-off.svg";
import Captions from "lucide-static/icons/captions.svg";
import Check from "lucide-static/icons/check.svg";
import CheckCheck from "lucide-static/icons/check-check.svg";
import ChevronDown from "lucide-static/icons/chevron-down.svg";
import ChevronLeft from "lucide-static/icons/chevron-left.svg";
import ChevronRight from "lucide-static/icons/chevron-right.svg";
import ChevronUp from "lucide-static/icons/chevron-up.svg";
import Circle from "lucide-static/icons/circle.svg";
import CircleAlert from "lucide-static/icons/circle-alert.svg";
import CircleCheck from "lucide-static/icons/circle-check.svg";
import CircleDot from "lucide-static/icons/circle-dot.svg";
import CircleHelp from "lucide-static/icons/circle-help.svg";
import CircleUser from "lucide-static/icons/circle-user.svg";
import CircleX from "lucide-static/icons/circle-x.svg";
import ClipboardCheck from "lucide-static/icons/clipboard-check.svg";
import Clock from "lucide-static/icons/clock.svg";
import Coins from "lucide-static/icons/coins.svg";
import Copy from "lucide-static/icons/copy.svg";
import CornerUpLeft from "lucide-static/icons/corner-up-left.svg";
import CreditCard from "lucide-static/icons/credit-card.svg";
import Crosshair from "lucide-static/icons/crosshair.svg";
import Download from "lucide-static/icons/download.svg";
import Ear from "lucide-static/icons/ear.svg";
import ExternalLink from "lucide-static/icons/external-link.svg";
import Eye from "lucide-static/icons/eye.svg";
import EyeOff from "lucide-static/icons/eye-off.svg";
import FastForward from "lucide-static/icons/fast-forward.svg";
import FileCheck from "lucide-static/icons/file-check.svg";
import FileImage from "lucide-static/icons/file-image.svg";
import FileSearch from "lucide-static/icons/file-search.svg";
import FileText from "lucide-static/icons/file-text.svg";
import FileX from "lucide-static/icons/file-x.svg";
import Files from "lucide-static/icons/files.svg";
import Fingerprint from "lucide-static/icons/fingerprint.svg";
import Flag from "lucide-static/icons/flag.svg";
import Gauge from "lucide-static/icons/gauge.svg";
import Globe from "lucide-static/icons/globe.svg";
import Hand from "lucide-static/icons/hand.svg";
import HandHelping from "lucide-static/icons/hand-helping.svg";
import Handshake from "lucide-static/icons/handshake.svg";
import HardDrive from "lucide-static/icons/hard-drive.svg";
import Headset from "lucide-static/icons/headset.svg";
import HeartHandshake from "lucide-static/icons/heart-handshake.svg";
import Highlighter from "lucide-static/icons/highlighter.svg";
import History from "lucide-static/icons/history.svg";
import Hourglass from "lucide-static/icons/hourglass.svg";
import House from "lucide-static/icons/house.svg";
import IdCard from "lucide-static/icons/id-card.svg";
import Image from "lucide-static/icons/image.svg";
import ImageOff from "lucide-static/icons/image-off.svg";
import Info from "lucide-static/icons/info.svg";
import KeyRound from "lucide-static/icons/key-round.svg";
import Keyboard from "lucide-static/icons/keyboard.svg";
import Landmark from "lucide-static/icons/landmark.svg";
import Languages from "lucide-static/icons/languages.svg";
import LayoutDashboard from "lucide-static/icons/layout-dashboard.svg";
import LayoutGrid from "lucide-static/icons/layout-grid.svg";
import Link from "lucide-static/icons/link.svg";
import List from "lucide-static/icons/list.svg";
import ListFilter from "lucide-static/icons/list-filter.svg";
import Loader from "lucide-static/icons/loader.svg";
import Lock from "lucide-static/icons/lock.svg";
import LogIn from "lucide-static/icons/log-in.svg";
import LogOut from "lucide-static/icons/log-out.svg";
import MapPin from "lucide-static/icons/map-pin.svg";
import Maximize from "lucide-static/icons/maximize.svg";
import Maximize2 from "lucide-static/icons/maximize-2.svg";
import Menu from "lucide-static/icons/menu.svg";
import MessageCircle from "lucide-static/icons/message-circle.svg";
import MessageSquare from "lucide-static/icons/message-square.svg";
import MessageSquareText from "lucide-static/icons/message-square-text.svg";
import Mic from "lucide-static/icons/mic.svg";
import MicOff from "lucide-static/icons/mic-off.svg";
import Minimize2 from "lucide-static/icons/minimize-2.svg";
import Minus from "lucide-static/icons/minus.svg";
import Monitor from "lucide-static/icons/monitor.svg";
import MonitorSmartphone from "lucide-static/icons/monitor-smartphone.svg";
import MousePointer2 from "lucide-static/icons/mouse-pointer-2.svg";
import MousePointerClick from "lucide-static/icons/mouse-pointer-click.svg";
import Network from "lucide-static/icons/network.svg";
import NotebookPen from "lucide-static/icons/notebook-pen.svg";
import PanelRight from "lucide-static/icons/panel-right.svg";
import Pause from "lucide-static/icons/pause.svg";
import Pen from "lucide-static/icons/pen.svg";
import PenLine from "lucide-static/icons/pen-line.svg";
import Pencil from "lucide-static/icons/pencil.svg";
import Phone from "lucide-static/icons/phone.svg";
import PhoneCall from "lucide-static/icons/phone-call.svg";
import PhoneIncoming from "lucide-static/icons/phone-incoming.svg";
import PhoneMissed from "lucide-static/icons/phone-missed.svg";
import PhoneOff from "lucide-static/icons/phone-off.svg";
import PiggyBank from "lucide-static/icons/piggy-bank.svg";
import Play from "lucide-static/icons/play.svg";
import PlugZap from "lucide-static/icons/plug-zap.svg";
import Plus from "lucide-static/icons/plus.svg";
import Radio from "lucide-static/icons/radio.svg";
import RefreshCw from "lucide-static/icons/refresh-cw.svg";
import RotateCcw from "lucide-static/icons/rotate-ccw.svg";
import RotateCw from "lucide-static/icons/rotate-cw.svg";
import Scan from "lucide-static/icons/scan.svg";
import ScanLine from "lucide-static/icons/scan-line.svg";
import Search from "lucide-static/icons/search.svg";
import Send from "lucide-static/icons/send.svg";
import Server from "lucide-static/icons/server.svg";
import Settings from "lucide-static/icons/settings.svg";
import Shield from "lucide-static/icons/shield.svg";
import ShieldAlert from "lucide-static/icons/shield-alert.svg";
import ShieldCheck from "lucide-static/icons/shield-check.svg";
import ShieldX from "lucide-static/icons/shield-x.svg";
import Signature from "lucide-static/icons/signature.svg";
import SkipBack from "lucide-static/icons/skip-back.svg";
import SkipForward from "lucide-static/icons/skip-forward.svg";
import SlidersHorizontal from "lucide-static/icons/sliders-horizontal.svg";
import Smile from "lucide-static/icons/smile.svg";
import Sparkles from "lucide-static/icons/sparkles.svg";
import Square from "lucide-static/icons/square.svg";
import SquarePen from "lucide-static/icons/square-pen.svg";
import Stamp from "lucide-static/icons/stamp.svg";
import Star from "lucide-static/icons/star.svg";
import StepBack from "lucide-static/icons/step-back.svg";
import StepForward from "lucide-static/icons/step-forward.svg";
import Sun from "lucide-static/icons/sun.svg";
import TabletSmartphone from "lucide-static/icons/tablet-smartphone.svg";
import TextCursorInput from "lucide-static/icons/text-cursor-input.svg";
import ThumbsDown from "lucide-static/icons/thumbs-down.svg";
import ThumbsUp from "lucide-static/icons/thumbs-up.svg";
import Timer from "lucide-static/icons/timer.svg";
import Trash2 from "lucide-static/icons/trash-2.svg";
import TrendingUp from "lucide-static/icons/trending-up.svg";
import TriangleAlert from "lucide-static/icons/triangle-alert.svg";
import Undo2 from "lucide-static/icons/undo-2.svg";
import Unplug from "lucide-static/icons/unplug.svg";
import Upload from "lucide-static/icons/upload.svg";
import User from "lucide-static/icons/user.svg";
import UserCheck from "lucide-static/icons/user-check.svg";
import UserPlus from "lucide-static/icons/user-plus.svg";
import UserRound from "lucide-static/icons/user-round.svg";
import Users from "lucide-static/icons/users.svg";
import UsersRound from "lucide-static/icons/users-round.svg";
import Video from "lucide-static/icons/video.svg";
import VideoOff from "lucide-static/icons/video-off.svg";
import Volume2 from "lucide-static/icons/volume-2.svg";
import VolumeX from "lucide-static/icons/volume-x.svg";
import Wallet from "lucide-static/icons/wallet.svg";
import Wifi from "lucide-static/icons/wifi.svg";
import WifiOff from "lucide-static/icons/wifi-off.svg";
import X from "lucide-static/icons/x.svg";
import ZoomIn from "lucide-static/icons/zoom-in.svg";
import ZoomOut from "lucide-static/icons/zoom-out.svg";

/** @type {Record<string, string>} */
export const icons = {
  "a-large-small": ALargeSmall,
  "accessibility": Accessibility,
  "archive": Archive,
  "arrow-left": ArrowLeft,
  "arrow-right": ArrowRight,
  "badge-check": BadgeCheck,
  "ban": Ban,
  "banknote": Banknote,
  "bell": Bell,
  "bell-ring": BellRing,
  "book-open": BookOpen,
  "bookmark": Bookmark,
  "bookmark-plus": BookmarkPlus,
  "building-2": Building2,
  "calendar": Calendar,
  "camera": Camera,
  "camera-off": CameraOff,
  "captions": Captions,
  "check": Check,
  "check-check": CheckCheck,
  "chevron-down": ChevronDown,
  "chevron-left": ChevronLeft,
  "chevron-right": ChevronRight,
  "chevron-up": ChevronUp,
  "circle": Circle,
  "circle-alert": CircleAlert,
  "circle-check": CircleCheck,
  "circle-dot": CircleDot,
  "circle-help": CircleHelp,
  "circle-user": CircleUser,
  "circle-x": CircleX,
  "clipboard-check": ClipboardCheck,
  "clock": Clock,
  "coins": Coins,
  "copy": Copy,
  "corner-up-left": CornerUpLeft,
  "credit-card": CreditCard,
  "crosshair": Crosshair,
  "download": Download,
  "ear": Ear,
  "external-link": ExternalLink,
  "eye": Eye,
  "eye-off": EyeOff,
  "fast-forward": FastForward,
  "file-check": FileCheck,
  "file-image": FileImage,
  "file-search": FileSearch,
  "file-text": FileText,
  "file-x": FileX,
  "files": Files,
  "fingerprint": Fingerprint,
  "flag": Flag,
  "gauge": Gauge,
  "globe": Globe,
  "hand": Hand,
  "hand-helping": HandHelping,
  "handshake": Handshake,
  "hard-drive": HardDrive,
  "headset": Headset,
  "heart-handshake": HeartHandshake,
  "highlighter": Highlighter,
  "history": History,
  "hourglass": Hourglass,
  "house": House,
  "id-card": IdCard,
  "image": Image,
  "image-off": ImageOff,
  "info": Info,
  "key-round": KeyRound,
  "keyboard": Keyboard,
  "landmark": Landmark,
  "languages": Languages,
  "layout-dashboard": LayoutDashboard,
  "layout-grid": LayoutGrid,
  "link": Link,
  "list": List,
  "list-filter": ListFilter,
  "loader": Loader,
  "lock": Lock,
  "log-in": LogIn,
  "log-out": LogOut,
  "map-pin": MapPin,
  "maximize": Maximize,
  "maximize-2": Maximize2,
  "menu": Menu,
  "message-circle": MessageCircle,
  "message-square": MessageSquare,
  "message-square-text": MessageSquareText,
  "mic": Mic,
  "mic-off": MicOff,
  "minimize-2": Minimize2,
  "minus": Minus,
  "monitor": Monitor,
  "monitor-smartphone": MonitorSmartphone,
  "mouse-pointer-2": MousePointer2,
  "mouse-pointer-click": MousePointerClick,
  "network": Network,
  "notebook-pen": NotebookPen,
  "panel-right": PanelRight,
  "pause": Pause,
  "pen": Pen,
  "pen-line": PenLine,
  "pencil": Pencil,
  "phone": Phone,
  "phone-call": PhoneCall,
  "phone-incoming": PhoneIncoming,
  "phone-missed": PhoneMissed,
  "phone-off": PhoneOff,
  "piggy-bank": PiggyBank,
  "play": Play,
  "plug-zap": PlugZap,
  "plus": Plus,
  "radio": Radio,
  "refresh-cw": RefreshCw,
  "rotate-ccw": RotateCcw,
  "rotate-cw": RotateCw,
  "scan": Scan,
  "scan-line": ScanLine,
  "search": Search,
  "send": Send,
  "server": Server,
  "settings": Settings,
  "shield": Shield,
  "shield-alert": ShieldAlert,
  "shield-check": ShieldCheck,
  "shield-x": ShieldX,
  "signature": Signature,
  "skip-back": SkipBack,
  "skip-forward": SkipForward,
  "sliders-horizontal": SlidersHorizontal,
  "smile": Smile,
  "sparkles": Sparkles,
  "square": Square,
  "square-pen": SquarePen,
  "stamp": Stamp,
  "star": Star,
  "step-back": StepBack,
  "step-forward": StepForward,
  "sun": Sun,
  "tablet-smartphone": TabletSmartphone,
  "text-cursor-input": TextCursorInput,
  "thumbs-down": ThumbsDown,
  "thumbs-up": ThumbsUp,
  "timer": Timer,
  "trash-2": Trash2,
  "trending-up": TrendingUp,
  "triangle-alert": TriangleAlert,
  "undo-2": Undo2,
  "unplug": Unplug,
  "upload": Upload,
  "user": User,
  "user-check": UserCheck,
  "user-plus": UserPlus,
  "user-round": UserRound,
  "users": Users,
  "users-round": UsersRound,
  "video": Video,
  "video-off": VideoOff,
  "volume-2": Volume2,
  "volume-x": VolumeX,
  "wallet": Wallet,
  "wifi": Wifi,
  "wifi-off": WifiOff,
  "x": X,
  "zoom-in": ZoomIn,
  "zoom-out": ZoomOut,
};
